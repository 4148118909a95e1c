"""How good a forecast is: how long it holds, how far it is off, how like the truth it stays."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError

__all__ = ["histogram_distance", "interval_score", "nrmse", "valid_prediction_steps"]

_THRESHOLD = 0.4  # of the error over the spread: the usual one for chaotic systems


def nrmse(truth: Array, forecast: Array, variance: Array | None = None) -> Floats:
    """Return the root mean square error of each row over the channels, in units of the spread.

    Parameters
    ----------
    truth, forecast
        Shape (n, d).
    variance
        Shape (d,), of the channels over a long time; that of ``truth`` where None. The mean of
        them is the unit.

    Returns
    -------
    numpy.ndarray
        Shape (n,); NaN where the forecast is.

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
        raise DataError(f"the variance of the truth must be above 0, got {spread!r}")
    error: Floats = np.sqrt(((forecast - truth) ** 2).mean(axis=1) / spread)
    return error


def valid_prediction_steps(
    truth: Array, forecast: Array, variance: Array | None = None, threshold: float = _THRESHOLD
) -> int:
    """Return how many rows a forecast holds: those before its error first passes the threshold.

    Times the time of a row and the largest Lyapunov exponent this is the valid prediction time.
    It says nothing beyond the time for which the truth itself can be trusted.

    Parameters
    ----------
    truth, forecast, variance
        As for :func:`nrmse`.
    threshold
        Of that error.

    Examples
    --------
    >>> valid_prediction_steps([[0.0], [2.0], [0.0]], [[0.1], [1.9], [1.0]], variance=[1.0])
    2
    """
    error = nrmse(truth, forecast, variance)
    late = np.flatnonzero(~(error <= threshold))
    return int(late[0]) if late.size else error.size


def histogram_distance(truth: Array, forecast: Array, bins: int = 50) -> float:
    """Return how far the values of a long forecast are from those of the truth, from 0 to 1.

    Half the sum of the differences of the two histograms, the mean over the channels: the share
    of the rows that would have to move. Bins are equal parts of the range of the truth; what lies
    beyond counts for a bin of its own.

    Parameters
    ----------
    truth, forecast
        Shapes (n, d) and (m, d).
    bins
        Number of bins a channel.

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
    for ours, theirs in zip(truth.T, forecast.T, strict=True):
        edges = np.linspace(ours.min(), ours.max(), bins + 1)
        a = np.histogram(ours, edges)[0] / ours.size
        b = np.histogram(theirs, edges)[0] / theirs.size
        distances.append(0.5 * (np.abs(a - b).sum() + (1.0 - b.sum())))
    return float(np.mean(distances))


def interval_score(truth: Array, lower: Array, upper: Array, coverage: float) -> Floats:
    r"""Return the interval score of bands, the smaller the better [1]_.

    Their width, and for what lies outside :math:`2 / (1 - \mathrm{coverage})` times its distance.

    Parameters
    ----------
    truth, lower, upper
        Of one shape.
    coverage
        Share that the bands promise to hold, in (0, 1).

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
        raise DataError(f"truth and forecast must be of one shape, got {one.shape} {other.shape}")
    return one, other
