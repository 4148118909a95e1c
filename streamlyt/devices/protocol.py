"""What a device is: patterns go onto its display, frames come from its camera."""

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
    """What a device can do; said once, before anything is shown to it.

    Parameters
    ----------
    max_inputs, max_outputs
        Pixels of its display, and of its camera.
    modulation
        What a pixel of the display does to the light: ``"binary"`` (off or on), ``"amplitude"``
        (a share of the amplitude) or ``"phase"`` (a phase from 0 to pi).
    levels
        Steps of a pixel of the display, 2 for a binary one; 0 for a continuous one, whose patterns
        are floating-point shares in [0, 1].
    bits
        Of the camera; 0 for one that gives intensities as they are.
    frame_rate_hz
        Frames a second.
    linear
        Whether :meth:`project_field` gives the complex field.
    deterministic
        Whether the same pattern at the same place in a run gives the same frame.
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
    """What the camera saw, one row a pattern, and what is needed to read it.

    Parameters
    ----------
    counts
        Shape (n, m): uint8, or uint16 above 8 bits; floating point for a camera of 0 bits.
    exposure
        Shape (n,): the exposure of each frame, relative to that at which an intensity of one is
        the highest count.
    black_level
        Shape (n,): the count of no light.
    full_scale
        The highest count; 1 for a camera of 0 bits, which has none.
    """

    counts: Array
    exposure: Floats
    black_level: Floats
    full_scale: float

    @property
    def light(self) -> Floats:
        """Intensity that one count stands for, shape (n,)."""
        return 1.0 / (self.full_scale * self.exposure)

    def intensity(self) -> Floats:
        """Return the intensities, shape (n, m), whatever the exposure was."""
        found = np.zeros(self.counts.shape)
        self.add_to(found)
        return found

    def add_to(self, total: Array) -> None:
        """Add the intensities to ``total``, shape (n, m), in its own precision."""
        add_rows(self.counts, self.black_level, self.light, total)


@runtime_checkable
class Device(Protocol):
    r"""A display, a medium that scatters, and a camera behind it.

    A pattern p of d pixels becomes the intensities :math:`|U m(p)|^2` of m pixels, where the
    entries of U are fixed, unknown or not, and near independent complex normals of variance one,
    and :math:`m(p)` is p as a share of the amplitude or :math:`e^{i \pi p}`. Everything else is
    done by the host: encoding, exposure, averaging. A device of your own is a class with these
    members, made without arguments by its entry point in the group ``streamlyt.devices``; hold it
    to :func:`check_device`.
    """

    @property
    def capabilities(self) -> DeviceCapabilities:
        """What it can do."""

    def open(self) -> None:
        """Take hold of it; once more does nothing."""

    def close(self) -> None:
        """Let go of it; once more does nothing. It can be opened again."""

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Show patterns, one after another, and return a frame of each.

        Parameters
        ----------
        patterns
            Shape (n, d): levels of the display from 0 on, unsigned integers; shares in [0, 1] for
            a display of 0 levels. Pixels beyond d are dark. They are another's room, in which the
            next ones will stand: a device that keeps them keeps a copy.
        n_outputs
            Pixels of the camera that are read, the first ones.
        exposure
            Shape (n,): of each frame.
        first
            Shape (n,): the number of each frame in its run, from which a simulated device draws its
            noise and a recording finds its frame; a real one passes it over.

        Raises
        ------
        DataError
            If the patterns are larger than the display, or hold levels that it has not.
        """


def check_patterns(patterns: Array, n_outputs: int, can: DeviceCapabilities) -> None:
    """Raise a DataError unless a device of these capabilities can show the patterns.

    Parameters
    ----------
    patterns
        Shape (n, d).
    n_outputs
        Pixels of the camera that are asked for.
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
