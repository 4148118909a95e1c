"""Tail of the single-row statistic: excesses over a high quantile, extrapolated."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.detectors._kernels.scales import add_excesses

__all__ = ["TailModel"]

SHARE = 0.05  # of the reference above the quantile
PRIOR = 100.0  # weight of the prior shape, in excesses
USUAL, NOISE = -0.06, 14.0  # prior shape, and the addition by the noise of m features, times m
FADING = 0.5  # factor on a negative shape far above the quantile
STEEPEST = 0.3  # largest absolute shape: some dozens of excesses do not support more
NEVER = 1e300  # a level that no square reaches; finite, so that it can be interpolated
LEAST = 0.02  # smallest distance to the bound: closer rows are noise of the random features

State = MutableMapping[str, Array]


class TailModel:
    r"""Distribution of :math:`s^2 = |\phi(x) - z'|^2` of single rows, beyond the observed range.

    Where all rows of features have one length, :math:`s^2` has the bound
    :math:`b = |\phi|^2 + |\mu|^2`, and :math:`b - s^2 = 2 \phi(x) \cdot \mu` is the kernel mean at
    x, a product of many factors: :math:`v = -\ln(b - s^2)` then has a near-exponential tail, for
    normal rows that of their squared length. The excesses over its 95th percentile u are modeled
    by a generalized Pareto distribution, its shape :math:`\xi_k` by moments [1]_. With k excesses
    among n rows, the exceedance probability p has the level

    .. math:: v_p = u + \beta \frac{e^{\xi y} - 1}{\xi}, \qquad y = \ln \frac{k}{n p}.

    :math:`\xi = c\,(k \xi_k + 100\,(14 / m - 0.06)) / (k + 100)` is shrunk to a prior for m
    features, which counts as 100 more excesses. c is 1/2 where it is negative: tails lighter than
    exponential become exponential farther out, and half of the shape of the excesses applies from
    the 95th percentile to a probability of 1e-4 or 1e-5. (On distributions of 1 to 100 channels, a
    million rows each, shapes of -.04 to -.2 act as -.02 to -.1, and positive ones, from heavy
    tails, nearly in full: ``benchmarks/detection/bench_levels.py``.) :math:`\beta` is the mean of
    the excesses, less its fraction :math:`\xi` where that is positive.

    This level would be exceeded too often, since mean and shape of the excesses are estimates: on
    average over them the probability is p with :math:`k (e^{y'/k} - 1)` in place of y (exact for
    exponential excesses with only the mean unknown), where :math:`y' = y + \sigma^2 y^4 / 8` and
    :math:`\sigma = c \sqrt{k} / (k + 100)` is the standard error of :math:`\xi`.
    For other maps v is :math:`s^2` itself.

    References
    ----------
    .. [1] J. R. M. Hosking, J. R. Wallis, "Parameter and quantile estimation for the generalized
       Pareto distribution", Technometrics 29, 1987.
    """

    @staticmethod
    def start(squares: Floats, bound: float, n_components: int, state: State) -> None:
        """Start with the squares (n,) of a reference; ``bound`` is infinite if there is none."""
        values = _values(squares, bound)
        quantile = float(np.quantile(values, 1.0 - SHARE))
        usual = USUAL + NOISE / n_components
        state["tail"] = np.array([bound, quantile, usual, 0.0, 0.0, 0.0, 0.0])
        TailModel.add(squares, state)

    @staticmethod
    def add(squares: Floats, state: State) -> None:
        """Add squares (n,)."""
        tail = state["tail"]
        tail[3] += squares.size
        # One by one: bit-identical for any batch boundaries.
        add_excesses(_values(squares, tail[0]) - tail[1], tail[4:])

    @staticmethod
    def level(chance: float, caution: float, state: State) -> float:
        """Return the square that a row exceeds with this probability.

        ``caution``, from 0 to 1, is the applied share of the correction for the estimation error
        of the tail.
        """
        bound, quantile, usual, rows, count, total, squares = (float(x) for x in state["tail"])
        if count < 2:
            return NEVER
        mean = total / count
        variance = (squares - count * mean**2) / (count - 1.0)
        shape = 0.5 * (1.0 - mean**2 / variance) if variance > 0 else 0.0
        weight = count / (count + PRIOR)
        shape = weight * shape + (1.0 - weight) * usual
        fading = FADING if shape < 0 else 1.0
        shape = min(max(fading * shape, -STEEPEST), STEEPEST)
        rarity = count / (rows * chance)
        if rarity <= 1.0:
            return NEVER  # the reference is too coarse for so short a run
        plain = np.log(rarity)
        careful = plain + (fading * weight) ** 2 / count * plain**4 / 8.0
        careful = count * np.expm1(careful / count)
        y = plain + caution * (careful - plain)
        far = np.expm1(shape * y) / shape if abs(shape) > 1e-9 else y
        value = quantile + mean * (1.0 - max(shape, 0.0)) * float(far)
        if bound == np.inf:
            return value
        return bound - np.exp(-value) if value < -np.log(LEAST) else NEVER


def _values(squares: Floats, bound: float) -> Floats:
    if bound == np.inf:
        return squares
    values: Floats = -np.log(np.maximum(bound - squares, LEAST))
    return values
