"""First-passage model: the level of the squared statistic for a target run length."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.special import betaincinv, chdtri, ndtr

from streamlyt.core import Array, Floats

from .cumulants import statistic_cumulants
from .feature_moments import FeatureMoments
from .first_passage_table import EXCESS, LOG_RATE, SKEW
from .forgetting_factors import decorrelation

__all__ = ["level_of", "siegmund", "standard_level", "threshold_of_arl"]

ROUNDS = 12  # iterations of the fixed point for the overshoot; each gains a digit or more


def threshold_of_arl(
    arl: Array | float, fast: float, slow: float, moments: FeatureMoments, t: Array | float = np.inf
) -> Floats:
    """Return the level of s^2 whose mean first passage time is ``arl`` rows.

    For independent rows with these moments, t rows after the start. For finite t the level is
    that of a stationary statistic with the cumulants and the correlation of row t: each row has
    the same hazard.
    """
    if not moments.trace > 0:
        return np.zeros(np.shape(t))
    step = np.clip(decorrelation(fast, slow, t), 1e-9, 1.0)
    return level_of(arl, step, statistic_cumulants(fast, slow, moments, t), moments)


def level_of(
    arl: Array | float,
    step: Array | float,
    cumulants: Sequence[Array | float],
    moments: FeatureMoments,
) -> Floats:
    """Return the level of any squared statistic with these cumulants.

    ``step`` is one minus the correlation of the unsquared statistic between adjacent rows.
    """
    mean, variance, third, fourth = (np.asarray(each, dtype=np.float64) for each in cumulants)
    # Unequal eigenvalues and jumps of single rows both raise the kurtosis above that of a gamma
    # distribution. With the former the tail lies between Pearson's types III and VI, half way in
    # the logarithm of this factor (measured on spectra and streams of many kinds); with the latter
    # it is type VI.
    uneven = (moments.trace4 * moments.trace2 / moments.trace3**2) ** 0.25
    skew = np.maximum(third, 0.0) / variance**1.5
    kurtosis = np.maximum(fourth / variance**2, 1.5 * skew**2)
    skew = np.minimum(skew * uneven, np.sqrt(kurtosis / 1.5))
    level: Floats = mean + np.sqrt(variance) * standard_level(arl, step, skew, kurtosis)
    return level


def standard_level(
    arl: Array | float, step: Array | float, skew: Array | float, kurtosis: Array | float
) -> Floats:
    r"""Return the level in standard deviations above the mean.

    A chi-square process of :math:`\nu` degrees of freedom moves near a high level h like a random
    walk of drift :math:`-2 r (h - \nu)` and variance :math:`8 r h` a row. By clumping [1]_ and
    Siegmund's overshoot [2]_ its mean first passage time is

    .. math:: 1 / \mathrm{ARL} = 2 r (h - \nu) f_\nu(h) S(x),
        \qquad x^2 = 2 r (h - \nu)^2 / h,

    with the density :math:`f_\nu`, when the run is long compared with 1/r. A simulated table
    corrects it for shorter runs: it maps :math:`y = \ln(\mathrm{ARL}\, r\, S)` to the probability
    that a row is above the level. The process is the one of equal kurtosis; the level of that
    probability is then a quantile of Pearson's distribution of the given skewness and kurtosis.

    Parameters
    ----------
    arl
        Target mean first passage time in rows.
    step
        r, one minus the correlation of z - z' between adjacent rows.
    skew, kurtosis
        Skewness and excess kurtosis of s^2.

    References
    ----------
    .. [1] D. Aldous, "Probability approximations via the Poisson clumping heuristic", 1989.
    .. [2] D. Siegmund, "Sequential analysis", 1985, chapter X.

    Examples
    --------
    >>> round(float(standard_level(1e4, 0.0435, 0.6, 0.6)), 2)
    4.7
    """
    skew = np.maximum(np.asarray(skew, dtype=np.float64), 0.005)
    kurtosis = np.maximum(np.asarray(kurtosis, dtype=np.float64), 1.5 * skew**2)
    chi_skew = np.minimum(np.sqrt(kurtosis / 1.5), SKEW[-1])  # of the chi-square process
    freedom = 8.0 / chi_skew**2
    overshoot = np.ones(np.broadcast_shapes(np.shape(arl), np.shape(step), chi_skew.shape))
    for _ in range(ROUNDS):
        chance = np.exp(-_log_rarity(np.log(arl * step * overshoot), chi_skew))
        h = chdtri(freedom, chance)
        overshoot = siegmund(2.0 * np.sqrt(step * np.maximum(h - freedom, 0.0) ** 2 / (2.0 * h)))
    return _pearson_quantile(chance, skew, kurtosis)


def siegmund(x: Array | float) -> Floats:
    """Return the fraction of the crossings of a continuous-time path that its samples show."""
    x = np.maximum(x, 1e-8)
    density = np.exp(-x * x / 8.0) / np.sqrt(2.0 * np.pi)
    share: Floats = (2.0 / x) * (ndtr(x / 2.0) - 0.5) / (0.5 * x * ndtr(x / 2.0) + density)
    return share


@lru_cache(maxsize=1)
def _table() -> RectBivariateSpline:
    return RectBivariateSpline(LOG_RATE, SKEW, EXCESS, kx=3, ky=2)


def _log_rarity(log_rate: Floats, skew: Floats) -> Floats:
    inside = np.clip(log_rate, LOG_RATE[0], LOG_RATE[-1])
    beyond = np.maximum(log_rate - LOG_RATE[-1], 0.0)
    # A probability of one has no level: the clamp acts only for runs below one memory.
    rarity: Floats = np.maximum(inside + _table().ev(inside, skew) + beyond, 1e-3)
    return rarity


def _pearson_quantile(chance: Floats, skew: Floats, kurtosis: Floats) -> Floats:
    """Return the upper quantile of Pearson's distribution, in standard deviations above its mean.

    Type III (gamma) where the kurtosis is 1.5 skew^2, type VI (beta prime) above.
    """
    freedom = 12.0 / kurtosis
    gamma = (chdtri(freedom, chance) - freedom) / np.sqrt(2.0 * freedom)
    b1 = skew**2
    with np.errstate(all="ignore"):  # where type VI does not exist, use gamma
        root = -6.0 * (kurtosis + 2.0 - b1) / (2.0 * kurtosis - 3.0 * b1)
        inner = b1 * (root + 2.0) ** 2 + 16.0 * (root + 1.0)
        a = 0.5 * root * (1.0 - np.abs(root + 2.0) * np.sqrt(b1 / inner))
        b = 1.0 - root
        y = betaincinv(b, a, chance)
        scale = (b - 1.0) * np.sqrt((b - 2.0) / (a * (a + b - 1.0)))
        prime = ((1.0 - y) / y - a / (b - 1.0)) * scale
        usable = (kurtosis > 1.515 * b1) & (inner > 0) & np.isfinite(prime) & (b > 4.0)
    quantile: Floats = np.where(usable, prime, gamma)
    return quantile
