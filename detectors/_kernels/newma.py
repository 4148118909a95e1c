"""Compiled loops of NEWMA, row by row: bit-identical results for any batch boundaries."""

from math import sqrt

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["adaptive_rows", "newma_rows", "scaled_rows"]

# Sums may be regrouped to fill the vector units, once, at compile time: the order is then fixed.
# No flag lets the compiler assume that there is no NaN or infinity.
REGROUPED = {"reassoc", "contract", "nsz"}


@jit()
def scaled_rows(
    values: Array, center: Array, factor: Array, largest: float, radius: float, out: Array
) -> None:
    """Write (values - center) * factor; rows beyond ``radius`` are pulled in to it.

    ``largest`` bounds each entry before its square is taken, so that nothing overflows.
    """
    for i in range(values.shape[0]):
        length = 0.0
        for j in range(values.shape[1]):
            x = min(max((values[i, j] - center[j]) * factor[j], -largest), largest)
            out[i, j] = x
            length += x * x
        if length > radius * radius:
            shrink = radius / sqrt(length)
            for j in range(values.shape[1]):
                out[i, j] *= shrink


@jit(fastmath=REGROUPED)
def newma_rows(
    features: Array,
    fast: Array,
    slow: Array,
    forget_fast: float,
    forget_slow: float,
    rows: int,
    statistic: Array,
) -> None:
    """Fold rows (n, m) into the two averages (m,); write their distance for each row (n,).

    The averages start at zero and are divided by 1 - (1 - forget)^t where they are compared;
    ``rows`` is the number of earlier rows.
    """
    one = features.dtype.type(1)
    quick, lazy = features.dtype.type(forget_fast), features.dtype.type(forget_slow)
    for i in range(features.shape[0]):
        t = rows + i + 1
        a = features.dtype.type(1.0 / (1.0 - (1.0 - forget_fast) ** t))
        b = features.dtype.type(1.0 / (1.0 - (1.0 - forget_slow) ** t))
        total = one - one
        for j in range(features.shape[1]):
            x = features[i, j]
            z = fast[j] + quick * (x - fast[j])
            y = slow[j] + lazy * (x - slow[j])
            fast[j] = z
            slow[j] = y
            gap = a * z - b * y
            total += gap * gap
        statistic[i] = sqrt(total)


@jit()
def adaptive_rows(
    statistic: Array,
    memory: Array,
    rate: float,
    quantile: float,
    learning: int,
    least: float,
    threshold: Array,
) -> None:
    """Write the published adaptive threshold of each row, frozen while the statistic is above it.

    ``memory`` holds the running mean of s^2, that of s^4, and the number of rows; for the first
    ``learning`` rows the threshold is infinite, and it is never below ``least``.
    """
    for i in range(statistic.size):
        square = statistic[i] * statistic[i]
        spread = memory[1] - memory[0] * memory[0]
        level = memory[0] + quantile * sqrt(spread if spread > 0.0 else 0.0)
        armed = memory[2] >= learning
        threshold[i] = max(sqrt(level), least) if armed else float("inf")
        if not statistic[i] > threshold[i]:
            # A plain mean until the rate takes over, so that no arbitrary start value remains.
            weight = max(rate, 1.0 / (memory[2] + 1.0))
            memory[0] += weight * (square - memory[0])
            memory[1] += weight * (square * square - memory[1])
        memory[2] += 1.0
