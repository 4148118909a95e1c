"""Camera model: intensities to integer counts, with saturation, noise and dithering."""

import numpy as np

from streamlyt.core import Array, Component, Floats
from streamlyt.core.errors import ParameterError
from streamlyt.core.validation import check_integer, check_number

from ._kernels.simulation import count_rows
from .protocol import CameraFrames

__all__ = ["Camera"]

_MOST_BITS = 16


class Camera(Component):
    r"""A camera of given bit depth; intensity one at exposure one saturates it.

    A count is :math:`\lfloor \min(e I, 1)\, (2^b - 1) + n + o \rfloor`, for the exposure e, noise n
    and a black level o of one half count. With ``dither`` steps the black level of frame k is
    (k mod dither + 1/2) / dither instead. The mean over ``dither`` frames then has steps finer by
    that factor, without noise.

    Parameters
    ----------
    bits
        1 to 16; 0 for unmodified intensities, without saturation or rounding.
    full_well
        Full well capacity in electrons: the shot noise of a count c has the variance
        c (2^bits - 1) / full_well and a normal distribution; 0 for none.
    read_noise
        Standard deviation of the read noise, in counts.
    dither
        Number of steps of the black level.
    seed
        Seed of the noise, which depends on the frame index alone, not on earlier frames.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> light = np.array([[0.25, 0.5, 3.0]])
    >>> Camera(8).read(light, np.ones(1), np.zeros(1, int)).counts
    array([[ 64, 128, 255]], dtype=uint8)
    """

    def __init__(
        self,
        bits: int = 8,
        *,
        full_well: float = 0.0,
        read_noise: float = 0.0,
        dither: int = 1,
        seed: int = 0,
    ) -> None:
        self.bits = bits
        self.full_well = full_well
        self.read_noise = read_noise
        self.dither = dither
        self.seed = seed
        check_integer("bits", bits, 0)
        if bits > _MOST_BITS:
            raise ParameterError(f"bits must be at most {_MOST_BITS}, got {bits!r}")
        check_number("full_well", full_well, positive=False)
        check_number("read_noise", read_noise, positive=False)
        check_integer("dither", dither, 1)
        check_integer("seed", seed, 0)
        if bits == 0 and (full_well or read_noise or dither > 1):
            raise ParameterError(
                "full_well and read_noise must be 0 and dither 1 for a camera of 0 bits, got "
                f"{self!r}; use bits=16"
            )

    def read(self, intensity: Floats, exposure: Floats, first: Array) -> CameraFrames:
        """Return the frames of the intensities.

        Parameters
        ----------
        intensity
            Shape (n, m), in units of the saturation intensity at an exposure of one.
        exposure
            Shape (n,).
        first
            Frame indices, shape (n,).
        """
        n = len(intensity)
        if self.bits == 0:
            return CameraFrames(intensity, np.ones(n), np.zeros(n), 1.0)
        full_scale = float((1 << self.bits) - 1)
        offset = (np.asarray(first) % self.dither + 0.5) / self.dither
        counts = np.empty(intensity.shape, np.uint8 if self.bits <= 8 else np.uint16)
        light = intensity
        if n and (self.full_well or self.read_noise):
            light = np.stack(
                [
                    self._noisy(*row, full_scale)
                    for row in zip(intensity, exposure, first, strict=True)
                ]
            )
        count_rows(light, np.asarray(exposure, np.float64), full_scale, offset, counts)
        return CameraFrames(counts, np.asarray(exposure, np.float64), offset - 0.5, full_scale)

    def _noisy(self, light: Floats, exposure: float, frame: int, full_scale: float) -> Floats:
        rng = np.random.default_rng([self.seed, int(frame)])
        counts = np.minimum(light * exposure, 1.0) * full_scale
        variance = np.full(counts.shape, self.read_noise**2)
        if self.full_well:
            variance += counts * (full_scale / self.full_well)
        counts += np.sqrt(variance) * rng.standard_normal(counts.size)
        noisy: Floats = counts / (full_scale * exposure)
        return noisy
