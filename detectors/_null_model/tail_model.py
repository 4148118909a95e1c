"""The tail of a statistic of single rows: excesses over a high quantile, carried further."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.detectors._kernels.scales import add_excesses

__all__ = ["TailModel"]

SHARE = 0.05  # of the reference that is above the quantile
PRIOR = 100.0  # excesses that the usual shape is worth
USUAL, NOISE = -0.06, 14.0  # that shape, and what the noise of m features adds to it, times m
FADING = 0.5  # of a negative shape at the quantile, far out
STEEPEST = 0.3  # shape either way: more is not believed of a few dozen excesses
NEVER = 1e300  # a level that no square reaches; a number, so that it can be interpolated
LEAST = 0.02  # of what is left to the bound: rows nearer to it are noise of the random features

State = MutableMapping[str, Array]


class TailModel:
    r"""The law of :math:`s^2 = |\phi(x) - z'|^2` of single rows, beyond what has been seen.

    Where all rows of features have one length, :math:`s^2` has the bound
    :math:`b = |\phi|^2 + |\mu|^2`, and :math:`b - s^2 = 2 \phi(x) \cdot \mu` is the kernel mean at
    x, a product of many factors: :math:`v = -\ln(b - s^2)` then has a tail that is near
    exponential, for normal rows that of their squared length. Of the excesses over its 95th
    percentile u, a generalised Pareto law is taken, its shape :math:`\xi_k` by moments [1]_. With k
    excesses among n rows a chance p belongs to

    .. math:: v_p = u + \beta \frac{e^{\xi y} - 1}{\xi}, \qquad y = \ln \frac{k}{n p}.

    :math:`\xi = c\,(k \xi_k + 100\,(14 / m - 0.06)) / (k + 100)` is drawn to what is usual with
    m features, as by 100 more excesses, and c is 1/2 where it is negative: tails that are
    lighter than exponential become exponential farther out, and half of the shape that the excesses
    show carries from the 95th percentile to a chance of 1e-4 or 1e-5. (On laws of 1 to 100
    channels, a million rows each, shapes of -.04 to -.2 act as -.02 to -.1, and those above zero,
    from heavy tails, nearly in full: ``benchmarks/detection/bench_levels.py``.) With it
    :math:`\beta` is the mean of the excesses, less its part :math:`\xi` where that is positive.

    This would let rows through too often, as mean and shape of the excesses are estimates: in the
    mean over them the chance is p with :math:`k (e^{y'/k} - 1)` in the place of y (exact for
    exponential excesses of which only the mean is not known), where
    :math:`y' = y + \sigma^2 y^4 / 8` and :math:`\sigma = c \sqrt{k} / (k + 100)` is the standard
    error of :math:`\xi`.
    Other maps: v is :math:`s^2` itself.

    References
    ----------
    .. [1] J. R. M. Hosking, J. R. Wallis, "Parameter and quantile estimation for the generalized
       Pareto distribution", Technometrics 29, 1987.
    """

    @staticmethod
    def start(squares: Floats, bound: float, n_components: int, state: State) -> None:
        """Begin with the squares (n,) of a reference; ``bound`` is infinite if there is none."""
        values = _values(squares, bound)
        quantile = float(np.quantile(values, 1.0 - SHARE))
        usual = USUAL + NOISE / n_components
        state["tail"] = np.array([bound, quantile, usual, 0.0, 0.0, 0.0, 0.0])
        TailModel.add(squares, state)

    @staticmethod
    def add(squares: Floats, state: State) -> None:
        """Absorb squares (n,)."""
        tail = state["tail"]
        tail[3] += squares.size
        # One by one: the same digits for every cut of the rows.
        add_excesses(_values(squares, tail[0]) - tail[1], tail[4:])

    @staticmethod
    def level(chance: float, caution: float, state: State) -> float:
        """Return the square that a row exceeds with this chance.

        ``caution``, from 0 to 1, is the share that is taken of what makes up for the tail being an
        estimate.
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
