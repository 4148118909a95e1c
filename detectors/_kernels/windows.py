"""Compiled loops of the window detectors: bit-identical results for any batch boundaries."""

from math import sqrt

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["block_rows", "reference_rows", "slice_rows"]

# Sums may be regrouped to fill the vector units, once, at compile time: the order is then fixed.
# No flag lets the compiler assume that there is no NaN or infinity.
REGROUPED = {"reassoc", "contract", "nsz"}


@jit(fastmath=REGROUPED)
def block_rows(
    features: Array,
    ring: Array,
    sums: Array,
    window: int,
    rows: int,
    statistic: Array,
    gaps: Array,
) -> None:
    """Fold rows (n, m) into sums over the last blocks of ``window`` rows, newest first.

    ``sums`` has shape (k + 1, m), ``ring`` ((k + 1) * window, m) the rows themselves; ``rows`` is
    the number of earlier rows. The statistic is the root of the mean squared distance between the
    mean of the newest block and those of the k others, and 0 until all blocks are full. If ``gaps``
    has a row for each, it receives the means of the newest block less those of the oldest.
    """
    capacity, blocks = ring.shape[0], sums.shape[0]
    scale = 1.0 / (window * window * (blocks - 1.0))
    for i in range(features.shape[0]):
        slot = (rows + i) % capacity
        for block in range(blocks):
            # The row that leaves this block and enters the one before it.
            leaving = (slot - (block + 1) * window) % capacity
            for j in range(features.shape[1]):
                sums[block, j] -= ring[leaving, j]
            if block + 1 < blocks:
                for j in range(features.shape[1]):
                    sums[block + 1, j] += ring[leaving, j]
        for j in range(features.shape[1]):
            ring[slot, j] = features[i, j]
            sums[0, j] += ring[slot, j]
        statistic[i] = 0.0
        if rows + i + 1 >= capacity:
            total = 0.0
            for block in range(1, blocks):
                for j in range(features.shape[1]):
                    gap = sums[0, j] - sums[block, j]
                    total += gap * gap
            statistic[i] = sqrt(total * scale)
            if gaps.shape[0] > i:
                for j in range(features.shape[1]):
                    gaps[i, j] = (sums[0, j] - sums[blocks - 1, j]) / window


@jit(fastmath=REGROUPED)
def reference_rows(
    features: Array,
    ring: Array,
    total: Array,
    reference: Array,
    rows: int,
    level: float,
    last_above: Array,
    join: int,
    statistic: Array,
) -> int:
    """Fold rows (n, m) into the sum (m,) of the last rows, and stop at the first alarm.

    Writes the distance between their mean and ``reference``. Returns the number of processed rows,
    that of the alarm included, times -1 if there was one. An alarm is a crossing of ``level`` more
    than ``join`` rows after the last row above it.
    """
    capacity, n = ring.shape[0], int(features.shape[0])
    for i in range(n):
        slot = (rows + i) % capacity
        gaps = 0.0
        for j in range(features.shape[1]):
            total[j] -= ring[slot, j]
            ring[slot, j] = features[i, j]
            total[j] += ring[slot, j]
            gap = total[j] / capacity - reference[j]
            gaps += gap * gap
        statistic[i] = sqrt(gaps)
        if statistic[i] > level:
            is_new = rows + i - last_above[0] > join
            last_above[0] = rows + i
            if is_new:
                return -(i + 1)
    return n


@jit(fastmath=REGROUPED)
def slice_rows(
    values: Array, directions: Array, knots: Array, weights: Array, features: Array
) -> None:
    """Write whether each row (n, d) lies below each knot of each direction, times a weight.

    ``directions`` has shape (s, d), ``knots`` and ``weights`` (s, q), ``features`` (n, s * q).
    """
    for i in range(values.shape[0]):
        for s in range(directions.shape[0]):
            projection = 0.0
            for j in range(values.shape[1]):
                projection += values[i, j] * directions[s, j]
            for q in range(knots.shape[1]):
                below = weights[s, q] if projection <= knots[s, q] else 0.0
                features[i, s * knots.shape[1] + q] = below
