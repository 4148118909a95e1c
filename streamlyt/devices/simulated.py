"""Simulated device: random fields behind a scattering medium, and a camera."""

import math

import numpy as np

from streamlyt.core import Array, Component, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.counter_rng import complex_normals, signs, unit_phases
from streamlyt.core.validation import check_choice, check_integer

from ._kernels.simulation import dense_fields, intensities, structured_fields
from .camera import Camera
from .protocol import CameraFrames, DeviceCapabilities, check_patterns

__all__ = ["SimulatedDevice"]

# Streams of the seed: those of the structured medium continue in steps of two, one for each part of
# the tables, so that drawing takes little memory; the matrix uses two.
_SIGNS, _PHASES, _MATRIX = 1, 2, 4
_DRAWN = 1 << 16
_SMALLEST = 64  # minimum transform size: below, the fields are visibly not normal
_DTYPES = ("float32", "float64")


class SimulatedDevice(Component):
    r"""A simulated random medium between a display and a camera.

    ``"structured"``: :math:`U = H D H B / \sqrt M`, H the Walsh-Hadamard transform of size M, a
    power of two of at least the pixels of pattern and frame, B random signs, D random phases. A
    frame costs three transforms, five for a phase modulator, of O(M log M) each. ``"dense"``: a
    matrix of independent complex normals, cached for the last sizes.

    Parameters
    ----------
    camera
        Camera; None for a ``Camera`` of 8 bits. Its unit of intensity is the mean intensity for a
        pattern of one fully lit pixel.
    construction
        ``"structured"`` or ``"dense"``.
    modulation, levels
        Of the display: see :class:`DeviceCapabilities`. 0 levels (default): an ideal modulator.
    max_inputs, max_outputs
        Number of pixels of display and camera.
    dtype
        Type of the fields: ``"float32"`` or ``"float64"``.
    seed
        Determines the medium.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> light = SimulatedDevice(levels=2, modulation="binary")
    >>> pattern = np.array([[1, 0, 0, 1]], dtype=np.uint8)
    >>> frames = light.project_intensity(pattern, 6, exposure=np.full(1, 0.1), first=np.zeros(1))
    >>> frames.counts.shape, frames.counts.dtype
    ((1, 6), dtype('uint8'))
    """

    def __init__(
        self,
        camera: Camera | None = None,
        *,
        construction: str = "structured",
        modulation: str = "amplitude",
        levels: int = 0,
        max_inputs: int = 1 << 22,
        max_outputs: int = 1 << 22,
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.camera = camera
        self.construction = construction
        self.modulation = modulation
        self.levels = levels
        self.max_inputs = max_inputs
        self.max_outputs = max_outputs
        self.dtype = dtype
        self.seed = seed
        check_choice("construction", construction, ("structured", "dense"))
        check_choice("modulation", modulation, ("binary", "amplitude", "phase"))
        check_choice("dtype", dtype, _DTYPES)
        check_integer("levels", levels, 0)
        if levels == 1 or levels > 1 << 16 or (modulation == "binary" and levels != 2):
            raise ParameterError(
                "levels must be 2 for a binary display, and 0 or 2 to 65536 for another, got "
                f"{levels!r} with modulation={modulation!r}"
            )
        for name in ("max_inputs", "max_outputs"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", seed, 0)
        self._camera = Camera() if camera is None else camera
        self._cached: tuple[tuple[int, int], tuple[Array, Array]] | None = None
        self._light = np.empty((0, 0), dtype)

    @property
    def capabilities(self) -> DeviceCapabilities:
        """Fixed properties of the device."""
        return DeviceCapabilities(
            self.max_inputs,
            self.max_outputs,
            self.modulation,
            self.levels,
            self._camera.bits,
            linear=True,
            deterministic=True,
        )

    def open(self) -> None:
        """Do nothing: there are no resources to open."""

    def close(self) -> None:
        """Release the matrix; it is drawn again when needed."""
        self._cached = None
        self._light = np.empty((0, 0), self.dtype)

    def project_intensity(
        self, patterns: Array, n_outputs: int, *, exposure: Floats, first: Array
    ) -> CameraFrames:
        """Show patterns; see :class:`Device`."""
        check_patterns(patterns, n_outputs, self.capabilities)
        light = self._buffer_for(len(patterns), n_outputs)
        x_re, x_im = self._shown(patterns)
        table, second = self._tables(patterns.shape[1], n_outputs)
        if self.construction == "structured":
            none = np.empty((0, 0), self.dtype)
            factor = 1.0 / math.sqrt(table.shape[1])
            structured_fields(x_re, x_im, table, factor, second, light, none)
        else:
            other = np.empty_like(light)
            dense_fields(x_re, x_im, table, second, light, other)
            intensities(light, other)
        return self._camera.read(light, np.asarray(exposure, np.float64), np.asarray(first))

    def _buffer_for(self, n: int, n_outputs: int) -> Array:
        """Return a buffer of intensities, reused unless the camera returns it as frames."""
        if not self._camera.bits:
            return np.empty((n, n_outputs), self.dtype)
        # For a million pixels, allocating fresh pages costs a quarter of a frame.
        if self._light.shape != (n, n_outputs):
            self._light = np.empty((n, n_outputs), self.dtype)
        return self._light

    def project_field(self, patterns: Array, n_outputs: int) -> Array:
        """Return the complex fields (n, m) in front of the camera.

        Raises
        ------
        DataError
            If the patterns are larger than the display, or have levels outside its range.
        """
        check_patterns(patterns, n_outputs, self.capabilities)
        re, im = np.empty((2, len(patterns), n_outputs), self.dtype)
        x_re, x_im = self._shown(patterns)
        table, other = self._tables(patterns.shape[1], n_outputs)
        if self.construction == "structured":
            factor = 1.0 / math.sqrt(table.shape[1])
            structured_fields(x_re, x_im, table, factor, other, re, im)
        else:
            dense_fields(x_re, x_im, table, other, re, im)
        field: Array = re + 1j * im
        return field

    def _shown(self, patterns: Array) -> tuple[Array, Array]:
        """Return real and imaginary part of the amplitude behind the display."""
        share = np.ascontiguousarray(patterns, self.dtype)
        if self.levels > 2:
            share = share * share.dtype.type(1.0 / (self.levels - 1))
        if self.modulation != "phase":
            return share, np.empty((len(share), 0), self.dtype)
        angle = share * share.dtype.type(math.pi)
        return np.cos(angle), np.sin(angle)

    def _tables(self, d: int, m: int) -> tuple[Array, Array]:
        """Return the tables and a work buffer, or the two parts of the matrix."""
        if self._cached is None or self._cached[0] != (d, m):
            self._cached = (d, m), self._drawn(d, m)
        return self._cached[1]

    def _drawn(self, d: int, m: int) -> tuple[Array, Array]:
        if self.construction == "dense":
            re, im = complex_normals(self.seed, _MATRIX, d * m)
            return re.astype(self.dtype).reshape(m, d), im.astype(self.dtype).reshape(m, d)
        size = max(_SMALLEST, 1 << (max(d, m) - 1).bit_length())
        tables = np.empty((3, size), self.dtype)
        for k, start in enumerate(range(0, size, _DRAWN)):
            part = tables[:, start : start + _DRAWN]
            part[0] = signs(self.seed, _SIGNS + 2 * k, part.shape[1])
            part[1], part[2] = unit_phases(self.seed, _PHASES + 2 * k, part.shape[1])
        return tables, np.empty((5, size), self.dtype)
