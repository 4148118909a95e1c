"""Compiled loops of the multiscale averages, their levels, excesses and innovations."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["GROUP", "add_excesses", "confirmed", "innovation_rows", "over_levels", "scale_rows"]

BLOCK = 1024  # features per pass: their averages, 32 kB, stay in the first-level cache
GROUP = 4  # rows per update of the long averages and the reference

REGROUPED = {"reassoc", "contract", "nsz"}


@jit(fastmath=REGROUPED)
def _near(
    row: Array, average: Array, forget: float, lift: float, reference: Array, group: Array
) -> tuple[float, float]:
    """Fold a row into the short average and its group; return both squared distances.

    They are those of the row itself and of the average, lifted, from the reference.
    """
    single: float = row.dtype.type(0)
    short: float = row.dtype.type(0)
    for j in range(row.size):
        x = row[j]
        group[j] += x
        z = average[j] + forget * (x - average[j])
        average[j] = z
        gap = x - reference[j]
        single += gap * gap
        gap = lift * z - reference[j]
        short += gap * gap
    return single, short


@jit(fastmath=REGROUPED)
def _close(group: Array, average: Array, forget: float, lift: float, reference: Array) -> None:
    """Fold the mean of a complete group into the reference; leave the mean in ``group``."""
    share = group.dtype.type(1.0 / GROUP)
    for j in range(group.size):
        x = share * group[j]
        group[j] = x
        z = average[j] + forget * (x - average[j])
        average[j] = z
        reference[j] = lift * z


@jit(fastmath=REGROUPED)
def _far(mean: Array, average: Array, forget: float, lift: float, reference: Array) -> float:
    """Fold the mean of a group into a long average; return its squared distance, lifted."""
    total: float = mean.dtype.type(0)
    for j in range(mean.size):
        z = average[j] + forget * (mean[j] - average[j])
        average[j] = z
        gap = lift * z - reference[j]
        total += gap * gap
    return total


@jit()
def scale_rows(
    features: Array,
    rows: int,
    memories: Array,
    settled: float,
    averages: Array,
    group: Array,
    far: Array,
    out: Array,
) -> None:
    """Fold rows (n, m) into averages; write squared distances from the reference (n, k).

    The first two scales, the row itself and the short average, change with every row. All others
    and the reference take the mean of four rows in one step; their distance is constant until the
    next. Each average starts at zero and is divided by the sum of its weights when compared.

    Parameters
    ----------
    features
        Shape (n, m).
    rows
        Number of earlier rows.
    memories
        Of the scales, the first 1, and of the reference (k + 1,), in rows.
    settled
        Memories after which the start at zero has no effect on an average.
    averages
        Shape (k, m): of all scales but the single row, the reference last.
    group
        Sum of the rows of the incomplete group (m,).
    far
        Squared distances of the long scales at the end of the last group (k - 2,).
    out
        Shape (n, k), filled with zeros.
    """
    n, width = features.shape
    last = memories.size - 1
    kind = features.dtype.type
    lifts = np.ones((n + 1, last), features.dtype)  # row 0: the reference before these rows
    for k in range(1, last + 1):
        forget = 1.0 / memories[k]
        for i in range(n + 1):
            t = rows + i
            if k > 1:
                t -= t % GROUP
            if 0 < t < settled * memories[k]:
                lifts[i, k - 1] = kind(1.0 / (1.0 - (1.0 - forget) ** t))
    reference = np.empty(min(BLOCK, width), features.dtype)
    for start in range(0, width, BLOCK):
        end = min(start + BLOCK, width)
        there, sums = reference[: end - start], group[start:end]
        base = averages[last - 1, start:end]
        for j in range(end - start):
            there[j] = lifts[0, last - 1] * base[j]
        for i in range(n):
            single, short = _near(
                features[i, start:end],
                averages[0, start:end],
                kind(1.0 / memories[1]),
                lifts[i + 1, 0],
                there,
                sums,
            )
            out[i, 0] += single
            out[i, 1] += short
            if (rows + i + 1) % GROUP:
                continue
            forget = kind(1.0 - (1.0 - 1.0 / memories[last]) ** GROUP)
            _close(sums, base, forget, lifts[i + 1, last - 1], there)
            for k in range(2, last):
                part = averages[k - 1, start:end]
                forget = kind(1.0 - (1.0 - 1.0 / memories[k]) ** GROUP)
                out[i, k] += _far(sums, part, forget, lifts[i + 1, k - 1], there)
            sums[:] = 0.0
    for i in range(n):
        for k in range(2, last):
            if (rows + i + 1) % GROUP:
                out[i, k] = far[k - 2]
            else:
                far[k - 2] = out[i, k]


@jit()
def over_levels(
    squares: Array,
    rows: int,
    points: Array,
    levels: Array,
    usable: Array,
    first: int,
    factor: float,
    out: Array,
) -> None:
    """Write the largest ratio of a distance to its level, row by row.

    Parameters
    ----------
    squares
        Squared distances (n, k).
    rows
        Number of earlier rows.
    points, levels
        Numbers of rows (p,) at which the levels of the squares (p, k) are known; between them
        they are linear, before the first and after the last constant.
    usable
        Number of rows from which each scale is compared (k,).
    first
        First scale that is compared.
    factor
        Factor on the levels.
    out
        Shape (n,).
    """
    left, last = 0, points.size - 2
    for i in range(squares.shape[0]):
        t = rows + i + 1
        while left < last and t >= points[left + 1]:
            left += 1
        share = (t - points[left]) / (points[left + 1] - points[left])
        share = min(max(share, 0.0), 1.0)
        largest = 0.0
        for k in range(first, squares.shape[1]):
            if t >= usable[k]:
                level = (1.0 - share) * levels[left, k] + share * levels[left + 1, k]
                largest = max(largest, squares[i, k] / (factor * level))
        out[i] = np.sqrt(largest)


@jit()
def add_excesses(excess: Array, sums: Array) -> None:
    """Add count, sum and sum of squares of the values above zero, one by one."""
    for i in range(excess.size):
        if excess[i] > 0.0:
            sums[0] += 1.0
            sums[1] += excess[i]
            sums[2] += excess[i] * excess[i]


@jit()
def confirmed(in_alarm: Array, memory: Array, needed: int, calm: Array) -> int:
    """Count rows in alarm up and others down; return the rows up to the count ``needed``.

    The count, never below zero, is stored in ``memory`` (1,); 0 is returned if it is not reached.
    ``calm`` (n,) receives whether a row leaves the count at zero.
    """
    for i in range(in_alarm.size):
        memory[0] = memory[0] + 1 if in_alarm[i] else max(memory[0] - 1, 0)
        calm[i] = memory[0] == 0
        if memory[0] >= needed:
            return i + 1
    return 0


@jit()
def innovation_rows(values: Array, weights: Array, past: Array, out: Array) -> None:
    """Write the difference of rows (n, d) from their linear prediction by the p rows before each.

    Parameters
    ----------
    values
        Shape (n, d).
    weights
        Shape (p, d): of the previous row, of the one before it, ...
    past
        Shape (p, d): the last rows, the latest first; updated in place.
    out
        Shape (n, d).
    """
    order, width = weights.shape
    for i in range(values.shape[0]):
        for j in range(width):
            predicted = 0.0
            for k in range(order):
                predicted += weights[k, j] * past[k, j]
            for k in range(order - 1, 0, -1):
                past[k, j] = past[k - 1, j]
            past[0, j] = values[i, j]
            out[i, j] = values[i, j] - predicted
