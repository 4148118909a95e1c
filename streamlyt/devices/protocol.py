"""Protocol of devices: patterns on a display, frames from a camera."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

from ._kernels.simulation import add_rows

__all__ = ["CameraFrames", "Device", "DeviceCapabilities", "check_patterns"]


@dataclass(frozen=True)
class DeviceCapabilities:
    """Fixed properties of a device.

    Parameters
    ----------
    max_inputs, max_outputs
        Number of pixels of the display, and of the camera.
    modulation
        Modulation by a display pixel: ``"binary"`` (off or on), ``"amplitude"`` (a share of the
        amplitude) or ``"phase"`` (a phase from 0 to pi).
    levels
        Number of levels of a display pixel, 2 for a binary one; 0 for a continuous one, whose
        patterns are floating-point shares in [0, 1].
    bits
        Bit depth of the camera; 0 for one that returns unquantized intensities.
    frame_rate_hz
        Frames per second.
    linear
        Whether :meth:`project_field` returns the complex field.
    deterministic
        Whether the same pattern with the same frame index gives the same frame.
    """

    max_inputs: int
    max_outputs: int
    modulation: str = "binary"
    levels: int = 2
    bits: int = 8
    frame_rate_hz: float = math.inf
    linear: bool = False
    deterministic: bool = False


@dataclass(frozen=True, eq=False)
class CameraFrames:
    """Camera frames, one row per pattern, and the data to convert them to intensities.

    Parameters
    ----------
    counts
        Shape (n, m): uint8, or uint16 above 8 bits; floating point for a camera of 0 bits.
    exposure
        Exposure of each frame, shape (n,), relative to that at which intensity one gives the
        highest count.
    black_level
        Count without light, shape (n,).
    full_scale
        Highest count; 1 for a camera of 0 bits.
    """

    counts: Array
    exposure: Floats
    black_level: Floats
    full_scale: float

    @property
    def light(self) -> Floats:
        """Intensity per count, shape (n,)."""
        return 1.0 / (self.full_scale * self.exposure)

    def intensity(self) -> Floats:
        """Return the intensities, shape (n, m), corrected for the exposure."""
        total = np.zeros(self.counts.shape)
        self.add_to(total)
        return total

    def add_to(self, total: Array) -> None:
        """Add the intensities to ``total``, shape (n, m), in its own precision."""
        add_rows(self.counts, self.black_level, self.light, total)


@runtime_checkable
class Device(Protocol):
    r"""A display (SLM), a scattering medium and a camera.

    A pattern p of d pixels gives the intensities :math:`|U m(p)|^2` of m pixels. The entries of U
    are fixed, possibly unknown, and near independent complex normals of variance one;
    :math:`m(p)` is p as a share of the amplitude or :math:`e^{i \pi p}`. The host does the rest:
    encoding, exposure, averaging. Your own device is a class with these members, created by its
    entry point in the group ``streamlyt.devices``; test it with :func:`check_device`.
    """

    @property
    def capabilities(self) -> DeviceCapabilities:
        """Fixed properties of the device."""

    def open(self) -> None:
        """Open the device; no effect if it is open."""

    def close(self) -> None:
        """Close the device; no effect if it is closed. It can be opened again."""

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Show patterns one after another and return a frame of each.

        Parameters
        ----------
        patterns
            Shape (n, d): display levels from 0 on as unsigned integers; shares in [0, 1] for a
            display of 0 levels. Pixels beyond d are dark. The caller reuses this buffer: copy the
            patterns to store them.
        n_outputs
            Number of camera pixels to read, from the first on.
        exposure
            Exposure of each frame, shape (n,).
        first
            Index of each frame in its run, shape (n,). It seeds the noise of a simulated device and
            identifies the frame of a recording; a physical device ignores it.

        Raises
        ------
        DataError
            If the patterns are larger than the display, or have levels outside its range.
        """


def check_patterns(patterns: Array, n_outputs: int, can: DeviceCapabilities) -> None:
    """Raise a DataError unless a device of these capabilities can show the patterns.

    Parameters
    ----------
    patterns
        Shape (n, d).
    n_outputs
        Number of camera pixels to read.
    can
        Capabilities of the device.
    """
    if patterns.ndim != 2 or not 1 <= patterns.shape[1] <= can.max_inputs:
        raise DataError(
            f"patterns must have shape (n, d) with 1 to {can.max_inputs} pixels of the display, "
            f"got {patterns.shape!r}"
        )
    if not 1 <= n_outputs <= can.max_outputs:
        raise DataError(
            f"n_outputs must be 1 to {can.max_outputs} pixels of the camera, got {n_outputs!r}"
        )
    if (patterns.dtype.kind == "f") != (can.levels == 0) or patterns.dtype.kind not in "fu":
        kind = "shares in [0, 1]" if can.levels == 0 else f"unsigned integers below {can.levels}"
        raise DataError(f"patterns of this display must be {kind}, got {patterns.dtype!r}")
    if patterns.size:
        high, most = patterns.max(), max(can.levels - 1, 1)
        if not (patterns.min() >= 0 and high <= most):
            raise DataError(
                f"patterns must be levels from 0 to {most}, got {patterns.min()!r} to {high!r}; "
                "scale them first"
            )
