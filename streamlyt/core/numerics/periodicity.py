"""The dominant period of a series, and its recent shapes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .arrays import Floats

__all__ = ["dominant_period", "period", "shapes"]

LAGS = 16  # values of a shape: its harmonics up to the eighth


SHORTEST = 8  # rows of a shape; fewer are noise, or hardly sampled


ALMOST = 0.9  # of the highest peak: the first peak so high is the period, not a multiple of it


PEAK = 0.2  # autocorrelation that a period must reach


CHANCE = 3.0  # ... and so many standard errors of noise more, to be taken for a rhythm


FORGOTTEN = 0.2  # autocorrelation at which a series without a period has forgotten itself


MEMORIES = 4  # such times in a shape of a series without a period


FLAT = 0.05  # of the whole spread: a shape that moves less is rounding and noise, not a rhythm


def period(values: Floats) -> int:
    r"""Return how many rows a series takes to repeat itself, estimated from its autocorrelation.

    Of the peaks of the autocorrelation after its first zero, up to a quarter of the rows, it is the
    first that is nearly as high (.9) as the highest. Where none reaches .2 there is no period; then
    it is four times the lag at which the autocorrelation has fallen below .2, a sixth of the rows
    at most. It is never below 8.

    Parameters
    ----------
    values
        Shape (n,), finite.

    Examples
    --------
    >>> period(np.sin(2 * np.pi * np.arange(300) / 25))
    25
    """
    return dominant_period(values)[0]


def dominant_period(values: Floats) -> tuple[int, bool]:
    r"""Return what :func:`period` does, and whether the rows do repeat themselves so.

    They do if the autocorrelation at the period is above .2 by three standard errors of that of
    independent rows, :math:`3 / \sqrt n`.

    Parameters
    ----------
    values
        Shape (n,), finite.

    Examples
    --------
    >>> dominant_period(np.sin(2 * np.pi * np.arange(300) / 25))
    (25, True)
    """
    n = len(values)
    if n < 2 * SHORTEST:
        return SHORTEST, False
    size = float(np.abs(values).max())
    rows = values / (size or 1.0)
    rows = rows - rows.mean()
    power = 1 << (2 * n - 1).bit_length()
    wave = np.fft.rfft(rows, power)
    correlation = np.fft.irfft(wave * wave.conj(), power)[:n]
    if not correlation[0] > 0:
        return SHORTEST, False
    correlation /= correlation[0]
    near = correlation[: n // 4 + 2] * n / (n - np.arange(n // 4 + 2))
    below = np.flatnonzero(near < 0)
    inner = near[1:-1]
    peaks = 1 + np.flatnonzero((inner >= near[:-2]) & (inner > near[2:]))
    peaks = peaks[peaks > max(2, below[0])] if below.size else peaks[:0]
    high = float(near[peaks].max()) if peaks.size else 0.0
    if high >= PEAK:
        found = int(peaks[near[peaks] >= ALMOST * near[peaks].max()][0])
    else:
        gone = np.flatnonzero(correlation < FORGOTTEN)
        found = min(MEMORIES * int(gone[0]) if gone.size else n, n // 6)
    return max(SHORTEST, found), bool(high >= PEAK + CHANCE / np.sqrt(n))


def shapes(values: Floats, width: int, stride: int = 1, lags: int = LAGS) -> Floats:
    """Return the shapes of a series, each centred and divided by its own spread, (k, lags).

    Parameters
    ----------
    values
        Shape (n,), at least ``width`` rows.
    width
        Rows of a shape.
    stride
        Rows from one shape to the next.
    lags
        Values of a shape.

    Examples
    --------
    >>> shapes(np.arange(6.0), 4, stride=2, lags=2).shape
    (2, 2)
    """
    return normalized(lagged(values, width, lags, stride), float(values.std()))


def lagged(values: Floats, width: int, lags: int, stride: int = 1) -> Floats:
    block = max(1, round(width / lags))
    starts = np.round(np.linspace(0, width - block, lags)).astype(int)
    # Summed window by window: a running sum would depend on where the stream was cut.
    means = sliding_window_view(values, block).mean(axis=1)
    count = len(values) - width + 1
    return np.stack([means[start : start + count : stride] for start in starts], axis=1)


def normalized(rows: Floats, spread: float) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    own = np.sqrt((centred * centred).mean(axis=1, keepdims=True))
    shaped: Floats = centred / np.where(own > 0, own + FLAT * spread, 1.0)
    return shaped
