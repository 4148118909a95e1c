"""Display encodings: numbers in [0, 1] as levels of display pixels."""

import numpy as np

from streamlyt.core import Array, Component, Floats
from streamlyt.core.validation import check_choice, check_integer

from ._kernels.simulation import shade_rows

__all__ = ["ENCODINGS", "DisplayEncoder"]

ENCODINGS = ("amplitude", "phase", "threshold", "thermometer", "bins", "bit-planes")
_SHADES = ("amplitude", "phase")


class DisplayEncoder(Component):
    """Encode each number in [0, 1] in one or more display pixels.

    Parameters
    ----------
    encoding
        ``"amplitude"`` and ``"phase"``: the number is the level, on ``pixels`` equal pixels. The
        others switch pixels on or off. ``"threshold"``: all on for numbers of one half or more;
        ``"thermometer"``: pixel i of p on from (i + 1) / (p + 1); ``"bins"``: pixel i on if the
        number is less than 1 / p from i / (p - 1), so that two or three are on;
        ``"bit-planes"``: the bits of round((2^p - 1) v), the highest first.
    pixels
        Number of pixels p per number.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> DisplayEncoder("thermometer", 3)(np.array([[0.1, 0.6]]), 2)
    array([[0, 0, 0, 1, 1, 0]], dtype=uint8)
    """

    def __init__(self, encoding: str = "amplitude", pixels: int = 1) -> None:
        self.encoding = encoding
        self.pixels = pixels
        check_choice("encoding", encoding, ENCODINGS)
        check_integer("pixels", pixels, 2 if encoding == "bins" else 1)

    @property
    def modulation(self) -> str:
        """Required display modulation: ``"amplitude"``, ``"phase"`` or ``"binary"``."""
        return self.encoding if self.encoding in _SHADES else "binary"

    @property
    def power(self) -> float:
        """Mean squared amplitude of a pixel for numbers uniform on [0, 1]."""
        if self.encoding == "amplitude":
            return 1.0 / 3.0
        if self.encoding == "phase":
            return 1.0
        uniform = (np.arange(1024) + 0.5) / 1024
        return float(self._lit(uniform[:, None]).mean())

    def __call__(self, values: Floats, levels: int, rounding: float | Floats = 0.5) -> Array:
        """Return the patterns, shape (n, k * pixels), of values (n, k).

        Parameters
        ----------
        values
            Numbers in [0, 1]; others are clipped.
        levels
            Number of levels of the display; 0 returns the shares unquantized.
        rounding
            Added before levels are rounded down, in [0, 1]: one number, or shape (k,). The mean
            over uniform ones resolves a number between two levels.
        """
        inside = np.clip(values, 0.0, 1.0)
        if self.encoding not in _SHADES:
            lit = self._lit(inside).reshape(len(inside), -1)
            if levels == 0:
                return lit.astype(np.float64)
            dtype = np.uint8 if levels <= 256 else np.uint16
            return (lit * (levels - 1)).astype(dtype)
        if levels:
            steps = np.minimum(np.floor(inside * (levels - 1) + rounding), levels - 1)
            inside = steps.astype(np.uint8 if levels <= 256 else np.uint16)
        return inside if self.pixels == 1 else np.repeat(inside, self.pixels, axis=1)

    def shade(
        self,
        values: Array,
        factor: float,
        offset: float,
        most: float,
        levels: int,
        rounding: Floats,
        out: Array,
    ) -> None:
        """Encode amplitudes or phases from unscaled values in one pass.

        Parameters
        ----------
        values
            Shape (n, k).
        factor, offset, most
            The share is value * factor + offset, clipped to [0, most].
        levels
            Number of levels of the display.
        rounding
            Shape (k,), or (1,) for a common one.
        out
            Shape (n, k * pixels), overwritten.
        """
        highest = max(levels - 1, 0)
        if self.pixels == 1:
            shade_rows(values, factor, offset, most, highest, rounding, out)
            return
        narrow = np.empty(values.shape, out.dtype)
        shade_rows(values, factor, offset, most, highest, rounding, narrow)
        out[:] = np.repeat(narrow, self.pixels, axis=1)

    def _lit(self, inside: Floats) -> Array:
        p = self.pixels
        index = np.arange(p)
        v = inside[:, :, None]
        lit: Array
        if self.encoding == "threshold":
            lit = np.broadcast_to(v >= 0.5, (*inside.shape, p))
        elif self.encoding == "thermometer":
            lit = v * (p + 1) >= index + 1
        elif self.encoding == "bins":
            lit = np.abs(v - index / (p - 1)) < 1.0 / p
        else:
            code = np.rint(v * ((1 << p) - 1)).astype(np.int64)
            lit = (code >> (p - 1 - index)) & 1 == 1
        return lit
