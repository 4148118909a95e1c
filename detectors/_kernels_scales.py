"""The compiled loop of many averages over one stream of features, block by block of features."""

import numpy as np

from streamlyt._compile import compiled
from streamlyt.base import Array

__all__ = ["confirmed", "innovation_rows", "scale_rows"]

BLOCK = 1024  # features at a time: seven averages of them, 28 kB, stay in the first-level cache


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _follow(row: Array, average: Array, forget: float, lift: float, out: Array) -> None:
    """Fold a row into an average; write the average times ``lift``."""
    for j in range(row.size):
        z = average[j] + forget * (row[j] - average[j])
        average[j] = z
        out[j] = lift * z


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _fold(row: Array, average: Array, forget: float, lift: float, other: Array) -> float:
    """Fold a row into an average; return the squared distance of it, lifted, from another."""
    total: float = row.dtype.type(0)
    for j in range(row.size):
        z = average[j] + forget * (row[j] - average[j])
        average[j] = z
        gap = lift * z - other[j]
        total += gap * gap
    return total


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _apart(row: Array, other: Array) -> float:
    """Return the squared distance of a row from another."""
    total: float = row.dtype.type(0)
    for j in range(row.size):
        gap = row[j] - other[j]
        total += gap * gap
    return total


@compiled()
def scale_rows(features: Array, forget: Array, lift: Array, averages: Array, out: Array) -> None:
    """Fold rows (n, m) into averages (k + 1, m); write squared distances from the last (n, k).

    Parameters
    ----------
    features
        Shape (n, m).
    forget
        Forgetting factors (k + 1,), in the features' precision like ``lift``.
    lift
        Shape (n, k + 1): what each average is multiplied by before it is compared.
    averages
        Shape (k + 1, m).
    out
        Shape (n, k), filled with zeros.
    """
    last = forget.size - 1
    width = features.shape[1]
    reference = np.empty(min(BLOCK, width), features.dtype)
    for start in range(0, width, BLOCK):
        end = min(start + BLOCK, width)
        there = reference[: end - start]
        for i in range(features.shape[0]):
            row = features[i, start:end]
            _follow(row, averages[last, start:end], forget[last], lift[i, last], there)
            for k in range(last):
                part = averages[k, start:end]
                if forget[k] == 1.0:  # the row itself
                    out[i, k] += _apart(row, there)
                else:
                    out[i, k] += _fold(row, part, forget[k], lift[i, k], there)


@compiled()
def confirmed(hot: Array, memory: Array, needed: int, calm: Array) -> int:
    """Count hot rows up and others down; return the rows up to the one that makes ``needed``.

    The count, never below zero, is kept in ``memory`` (1,); 0 is returned if it is not reached.
    ``calm`` (n,) receives whether a row is not hot and leaves the count at zero.
    """
    for i in range(hot.size):
        memory[0] = memory[0] + 1 if hot[i] else max(memory[0] - 1, 0)
        calm[i] = memory[0] == 0
        if memory[0] >= needed:
            return i + 1
    return 0


@compiled()
def innovation_rows(values: Array, weights: Array, past: Array, out: Array) -> None:
    """Write what the rows (n, d) differ by from the prediction made of the p rows before each.

    Parameters
    ----------
    values
        Shape (n, d).
    weights
        Shape (p, d): of the row before, of the one before that, ...
    past
        Shape (p, d): the last rows, the latest first; brought up to date.
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
