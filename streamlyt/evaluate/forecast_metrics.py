"""Forecast metrics: error, valid prediction time, value distribution, prediction intervals."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["histogram_distance", "interval_score", "nrmse", "valid_prediction_steps"]

_THRESHOLD = 0.4  # of the normalized error: the usual value for chaotic systems


def nrmse(truth: Array, forecast: Array, variance: Array | None = None) -> Floats:
    """Return the root mean square error of each row over the channels, in units of the spread.

    Parameters
    ----------
    truth, forecast
        Shape (n, d).
    variance
        Shape (d,), long-term variance of the channels; None: that of ``truth``. The unit is the
        square root of their mean.

    Returns
    -------
    numpy.ndarray
        Shape (n,); NaN where the forecast is NaN.

    Raises
    ------
    DataError
        If the shapes differ, or the spread is zero.

    Examples
    --------
    >>> nrmse([[0.0], [2.0]], [[0.5], [2.0]], variance=[1.0])
    array([0.5, 0. ])
    """
    truth, forecast = _pair(truth, forecast)
    spread = float(np.mean(truth.var(axis=0) if variance is None else variance))
    if not spread > 0:
        raise DataError(f"variance must be above 0 in the mean, got {spread!r}")
    error: Floats = np.sqrt(((forecast - truth) ** 2).mean(axis=1) / spread)
    return error


def valid_prediction_steps(
    truth: Array, forecast: Array, variance: Array | None = None, threshold: float = _THRESHOLD
) -> int:
    """Return the number of steps before the forecast error first exceeds the threshold.

    Multiplied by the time step and the largest Lyapunov exponent this is the valid prediction time.
    It is limited by the time for which the truth itself is reliable.

    Parameters
    ----------
    truth, forecast, variance
        As for :func:`nrmse`.
    threshold
        Threshold of that error.

    Examples
    --------
    >>> valid_prediction_steps([[0.0], [2.0], [0.0]], [[0.1], [1.9], [1.0]], variance=[1.0])
    2
    """
    error = nrmse(truth, forecast, variance)
    exceeded = np.flatnonzero(~(error <= threshold))
    return int(exceeded[0]) if exceeded.size else error.size


def histogram_distance(truth: Array, forecast: Array, bins: int = 50) -> float:
    """Return the distance of the value distributions of a long forecast and the truth, 0 to 1.

    Half the sum of the absolute differences of the two histograms, averaged over the channels
    (total variation distance). Bins divide the range of the truth equally; values outside it count
    as a separate bin.

    Parameters
    ----------
    truth, forecast
        Shapes (n, d) and (m, d).
    bins
        Number of bins per channel.

    Examples
    --------
    >>> histogram_distance([[0.0], [1.0], [1.0], [0.0]], [[0.0], [0.0]], bins=2)
    0.5
    """
    truth, forecast = np.asarray(truth, np.float64), np.asarray(forecast, np.float64)
    if truth.ndim != 2 or forecast.ndim != 2 or truth.shape[1] != forecast.shape[1]:
        raise DataError(
            f"truth and forecast must have equal channels (n, d), got {truth.shape!r} and "
            f"{forecast.shape!r}"
        )
    distances = []
    for observed, predicted in zip(truth.T, forecast.T, strict=True):
        edges = np.linspace(observed.min(), observed.max(), bins + 1)
        a = np.histogram(observed, edges)[0] / observed.size
        b = np.histogram(predicted, edges)[0] / predicted.size
        distances.append(0.5 * (np.abs(a - b).sum() + (1.0 - b.sum())))
    return float(np.mean(distances))


def interval_score(truth: Array, lower: Array, upper: Array, coverage: float) -> Floats:
    r"""Return the interval score of prediction intervals; smaller is better [1]_.

    The width, plus :math:`2 / (1 - \mathrm{coverage})` times the distance of a value outside.

    Parameters
    ----------
    truth, lower, upper
        Arrays of the same shape.
    coverage
        Nominal coverage of the intervals, in (0, 1).

    References
    ----------
    .. [1] T. Gneiting, A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation",
       J. Amer. Statist. Assoc. 102, 2007, equation 43.

    Examples
    --------
    >>> interval_score([0.0, 2.0], [-1.0, -1.0], [1.0, 1.0], 0.9).round(9)
    array([ 2., 22.])
    """
    truth, lower = _pair(truth, lower)
    _, upper = _pair(truth, upper)
    if not 0 < coverage < 1:
        raise DataError(f"coverage must be in (0, 1), got {coverage!r}")
    outside = np.maximum(lower - truth, 0.0) + np.maximum(truth - upper, 0.0)
    score: Floats = upper - lower + 2.0 / (1.0 - coverage) * outside
    return score


def _pair(one: Array, other: Array) -> tuple[Floats, Floats]:
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.shape != other.shape:
        raise DataError(f"forecast must have the shape of truth {one.shape}, got {other.shape}")
    return one, other
