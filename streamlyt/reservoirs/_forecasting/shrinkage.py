"""How much of a forecast to believe: what closed loops from earlier moments were worth."""

import numpy as np

from streamlyt.core import Floats

from .prediction_intervals import Loop

__all__ = ["ShrunkForecast", "shrinkage_factor"]

# Moments that speak for the whole forecast before any has been looked at: loops from neighbouring
# moments err alike, so a hundred of them say no more than a few. Chosen on generated series.
_FAITH = 10.0


class ShrunkForecast:
    """A loop of which a share is believed, between it and staying at the last row.

    Parameters
    ----------
    loop
        The closed loop.
    last
        The rows (m, d) after which it begins.
    share
        In [0, 1]: 0 is persistence.
    """

    def __init__(self, loop: Loop, last: Floats, share: float) -> None:
        self._loop, self._last, self._share = loop, last, share

    def __call__(self, kick: Floats | None = None) -> Floats:
        """Return the rows (horizon, m, d), NaN where the loop itself had left the series."""
        rows: Floats = self._last + self._share * (self._loop(kick) - self._last)
        return rows


def shrinkage_factor(ahead: Floats, last: Floats, truth: Floats, worst: float) -> float:
    r"""Return the share s in [0, 1] that would have been best at earlier moments.

    .. math:: s = \frac{\sum_h u_h \sum p_h \cdot t_h + k}{\sum_h u_h \sum p_h \cdot p_h + k}

    p and t being the distances from the last row of the forecast and of what came, and u one over
    the mean square of t, so that all horizons count alike: least squares. k is what ten moments
    would give of which the forecast had been right.

    Parameters
    ----------
    ahead, truth
        Forecasts that had not learnt what came, and that, (horizon, m, d); NaN where unknown.
    last
        The rows (m, d) after which they begin.
    worst
        Distance that stands for a loop which left the series.
    """
    known = ~np.isnan(truth)
    went = np.where(known, np.nan_to_num(ahead - last, nan=worst), 0.0)
    came = np.where(known, truth - last, 0.0)
    squares, count = (came**2).sum(axis=(1, 2)), known.sum(axis=(1, 2))
    unit = np.divide(count, squares, out=np.zeros_like(squares), where=squares > 0)
    right = float(unit @ (went * came).sum(axis=(1, 2)))
    whole = float(unit @ (went**2).sum(axis=(1, 2)))
    if whole <= 0:
        return 1.0
    faith = _FAITH * whole / len(last)
    return float(np.clip((right + faith) / (whole + faith), 0.0, 1.0))
