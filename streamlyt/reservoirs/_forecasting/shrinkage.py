"""Shrinkage of forecasts to persistence, fitted to closed loops from earlier origins."""

import numpy as np

from streamlyt.core import Floats

from .prediction_intervals import Loop

__all__ = ["ShrunkForecast", "shrinkage_factor"]

# Prior weight of the unshrunk forecast, in origins. Errors from neighboring origins are correlated,
# so a hundred of them are worth only a few. Chosen on generated series.
_PRIOR = 10.0


class ShrunkForecast:
    """Closed loop shrunk towards persistence.

    Parameters
    ----------
    loop
        The closed loop.
    last
        Rows (m, d) at the forecast origins.
    share
        Factor in [0, 1]: 0 is persistence.
    """

    def __init__(self, loop: Loop, last: Floats, share: float) -> None:
        self._loop, self._last, self._share = loop, last, share

    def __call__(self, kick: Floats | None = None) -> Floats:
        """Return the rows (horizon, m, d), NaN where the loop diverged."""
        rows: Floats = self._last + self._share * (self._loop(kick) - self._last)
        return rows


def shrinkage_factor(ahead: Floats, last: Floats, truth: Floats, worst: float) -> float:
    r"""Return the factor s in [0, 1] that was best at earlier origins.

    .. math:: s = \frac{\sum_h u_h \sum p_h \cdot t_h + k}{\sum_h u_h \sum p_h \cdot p_h + k}

    where p and t are the distances of the forecast and of the observation from the last row, and u
    is one over the mean square of t, so all horizons have equal weight in the least squares. k is
    the contribution of ten origins with exact forecasts.

    Parameters
    ----------
    ahead, truth
        Forecasts from earlier origins and observations, (horizon, m, d); NaN where unknown.
    last
        Rows (m, d) at the origins.
    worst
        Distance that replaces diverged values.
    """
    known = ~np.isnan(truth)
    predicted = np.where(known, np.nan_to_num(ahead - last, nan=worst), 0.0)
    observed = np.where(known, truth - last, 0.0)
    squares, count = (observed**2).sum(axis=(1, 2)), known.sum(axis=(1, 2))
    unit = np.divide(count, squares, out=np.zeros_like(squares), where=squares > 0)
    cross = float(unit @ (predicted * observed).sum(axis=(1, 2)))
    energy = float(unit @ (predicted**2).sum(axis=(1, 2)))
    if energy <= 0:
        return 1.0
    prior = _PRIOR * energy / len(last)
    return float(np.clip((cross + prior) / (energy + prior), 0.0, 1.0))
