"""The dominant period of a series, and its recent shapes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .arrays import Floats

__all__ = ["dominant_period", "period", "shapes"]

LAGS = 16  # values per shape: harmonics up to the eighth

SHORTEST = 8  # rows of a shape; fewer are noise or undersampled

ALMOST = 0.9  # of the highest peak: the first peak this high is the period, not a multiple of it

PEAK = 0.2  # minimum autocorrelation of a period

CHANCE = 3.0  # standard errors of noise above it, to be considered periodic

FORGOTTEN = 0.2  # autocorrelation that ends the correlation time of a series without a period

MEMORIES = 4  # correlation times in a shape of a series without a period

FLAT = 0.05  # of the total spread: a shape with less variation is rounding and noise


def period(values: Floats) -> int:
    r"""Return the period of a series in rows, estimated from its autocorrelation.

    Of the peaks of the autocorrelation after its first zero, up to a quarter of the rows, it is
    the first of at least 0.9 times the highest. If no peak reaches 0.2, there is no period: the
    result is then four times the lag at which the autocorrelation falls below 0.2, at most a sixth
    of the rows. It is never below 8.

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
    r"""Return the result of :func:`period`, and whether the series is periodic.

    It is if the autocorrelation at the period exceeds 0.2 by three standard errors of that of
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
        decayed = np.flatnonzero(correlation < FORGOTTEN)
        found = min(MEMORIES * int(decayed[0]) if decayed.size else n, n // 6)
    return max(SHORTEST, found), bool(high >= PEAK + CHANCE / np.sqrt(n))


def shapes(values: Floats, width: int, stride: int = 1, lags: int = LAGS) -> Floats:
    """Return the shapes of a series (k, lags), each centered and divided by its spread.

    Parameters
    ----------
    values
        Shape (n,), at least ``width`` rows.
    width
        Rows per shape.
    stride
        Rows from one shape to the next.
    lags
        Values per shape.

    Examples
    --------
    >>> shapes(np.arange(6.0), 4, stride=2, lags=2).shape
    (2, 2)
    """
    return normalized(lagged(values, width, lags, stride), float(values.std()))


def lagged(values: Floats, width: int, lags: int, stride: int = 1) -> Floats:
    block = max(1, round(width / lags))
    starts = np.round(np.linspace(0, width - block, lags)).astype(int)
    # Summed window by window: a running sum would depend on the batch boundaries.
    means = sliding_window_view(values, block).mean(axis=1)
    count = len(values) - width + 1
    return np.stack([means[start : start + count : stride] for start in starts], axis=1)


def normalized(rows: Floats, spread: float) -> Floats:
    centered = rows - rows.mean(axis=1, keepdims=True)
    own = np.sqrt((centered * centered).mean(axis=1, keepdims=True))
    shaped: Floats = centered / np.where(own > 0, own + FLAT * spread, 1.0)
    return shaped
