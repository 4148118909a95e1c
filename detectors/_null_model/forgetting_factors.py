"""The two forgetting factors of a window, and sums of their weights of past rows."""

from functools import lru_cache
from math import comb

import numpy as np
from scipy.optimize import brentq

from streamlyt.core import Array, Floats

__all__ = ["decorrelation", "forgetting_factors", "n_components_for", "power_sum"]

CANDIDATES = 1000  # on a geometric grid, whose minimum is the published table, not the exact one


@lru_cache(maxsize=64)
def forgetting_factors(window: float) -> tuple[float, float]:
    r"""Return the fast and the slow forgetting factor of a window of B rows.

    Both solve :math:`\lambda (1 - \lambda)^B = \Lambda (1 - \Lambda)^B`. The fast one minimizes

    .. math:: \frac{\sqrt{\Lambda + \lambda} + (1 - \lambda)^{2B} - (1 - \Lambda)^{2B}}
        {(1 - \lambda)^B - (1 - \Lambda)^B},

    and is averaged with its least value, 1 / (B + 1) [1]_.

    References
    ----------
    .. [1] N. Keriven, D. Garreau, I. Poli, "NEWMA: a new method for scalable model-free online
       change-point detection", IEEE Trans. Signal Process. 68, 2020, section IV.

    Examples
    --------
    >>> fast, slow = forgetting_factors(50)
    >>> f"{fast:.6f} {slow:.6f}"
    '0.033630 0.010101'
    """
    least = 1.0 / (window + 1.0)
    candidates = np.geomspace(1.001 * least, 0.99, CANDIDATES)
    best = min((float(fast) for fast in candidates), key=lambda fast: _cost(fast, window))
    fast = 0.5 * (best + least)
    return fast, _partner(fast, window)


def n_components_for(fast: float, slow: float) -> int:
    r"""Return the published number of features, :math:`1 / 4 (\Lambda + \lambda)^2`."""
    return int(0.25 / (fast + slow) ** 2)


def _cost(fast: float, window: float) -> float:
    slow = _partner(fast, window)
    retained_fast, retained_slow = (1.0 - fast) ** window, (1.0 - slow) ** window
    noise = np.sqrt(fast + slow) + retained_slow**2 - retained_fast**2
    return float(noise / (retained_slow - retained_fast))


def _partner(fast: float, window: float) -> float:
    """Return the slow factor that gives the row ``window`` rows ago the same weight."""
    target = np.log(fast) + window * np.log1p(-fast)

    # In logarithms, since the weight itself underflows for a fast factor near one.
    def excess(log_slow: float) -> float:
        return float(log_slow + window * np.log1p(-np.exp(log_slow)) - target)

    top = -np.log(window + 1.0)  # maximum of the weight
    return float(np.exp(brentq(excess, target - 1.0, top, xtol=1e-14, rtol=1e-14)))


def power_sum(fast: float, slow: float, power: int, t: Array | float = np.inf) -> Floats:
    r"""Return :math:`\sum_j w_j^k` of the weights of z - z' after t rows (inf: stationary).

    With bias correction, :math:`z_t - z'_t = \sum_{j<t} w_j \phi(x_{t-j})`,

    .. math:: w_j = a p^j - b q^j, \quad p = 1 - \Lambda, \quad q = 1 - \lambda, \quad
        a = \Lambda / (1 - p^t), \quad b = \lambda / (1 - q^t),

    and the sum is a binomial sum of geometric series.
    """
    rows = np.asarray(t, dtype=np.float64)
    log_p, log_q = np.log1p(-fast), np.log1p(-slow)
    a, b = fast / -np.expm1(rows * log_p), slow / -np.expm1(rows * log_q)
    total = np.zeros(rows.shape)
    for i in range(power + 1):
        ratio = i * log_p + (power - i) * log_q
        series = np.expm1(rows * ratio) / np.expm1(ratio)
        total = total + comb(power, i) * a**i * (-b) ** (power - i) * series
    return total


def decorrelation(fast: float, slow: float, t: Array | float = np.inf) -> Floats:
    """Return one minus the correlation of z - z' after t rows with that after the next row.

    For independent rows; t at least 2, since the two averages are equal after the first row.
    """
    rows = np.asarray(t, dtype=np.float64)
    p, q = 1.0 - fast, 1.0 - slow
    a, b = fast / _grown(p, rows), slow / _grown(q, rows)
    next_a, next_b = fast / _grown(p, rows + 1), slow / _grown(q, rows + 1)

    def series(ratio: float) -> Floats:
        summed: Floats = _grown(ratio, rows) / (1.0 - ratio)
        return summed

    product = next_a * p * (a * series(p * p) - b * series(p * q))
    product -= next_b * q * (a * series(p * q) - b * series(q * q))
    lengths = power_sum(fast, slow, 2, rows) * power_sum(fast, slow, 2, rows + 1)
    result: Floats = 1.0 - product / np.sqrt(lengths)
    return result


def _grown(ratio: float, rows: Floats) -> Floats:
    grown: Floats = -np.expm1(rows * np.log(ratio))
    return grown
