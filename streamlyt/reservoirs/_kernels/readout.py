"""Compiled loops of the row-by-row readouts and of the sketch."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import hadamard_transform
from streamlyt.core.numerics.jit import jit

__all__ = ["nlms_rows", "rls_rows", "sketch_rows", "transform_rows"]


@jit()
def sketch_rows(features: Array, signs: Array, taken: Array, out: Array) -> None:
    """Compute selected values of the Walsh-Hadamard transform of rows with random signs.

    Parameters
    ----------
    features
        Shape (r, F).
    signs
        Shape (M,), M a power of two of at least F.
    taken
        Shape (k,): indices of the values, in the order of the transform.
    out
        Shape (r, k), overwritten.
    """
    work = np.empty((2, signs.size))
    stages = 0
    while (1 << stages) < signs.size:
        stages += 1
    for row in range(features.shape[0]):
        x, a = features[row], work[0]
        for i in range(x.size):
            a[i] = x[i] * signs[i]
        a[x.size :] = 0
        y = hadamard_transform(a, work[1], stages)
        for i in range(taken.size):
            out[row, i] = y[taken[i]]


@jit()
def transform_rows(rows: Array) -> None:
    """Walsh-Hadamard transform of rows (r, M), in the order of ``sketch_rows``, in place."""
    stages = 0
    while (1 << stages) < rows.shape[1]:
        stages += 1
    other = np.empty(rows.shape[1])
    for row in range(rows.shape[0]):
        rows[row] = hadamard_transform(rows[row].copy(), other, stages)


@jit()
def rls_rows(features: Array, targets: Array, keep: Array, inverse: Array, weights: Array) -> None:
    """Recursive least squares, row by row.

    Parameters
    ----------
    features, targets
        Shapes (r, F) and (r, p).
    keep
        Shape (r,): forgetting factor at each row.
    inverse
        Shape (F, F), symmetric: the inverse of the Gram matrix with its ridge; overwritten.
    weights
        Shape (p, F), overwritten.
    """
    n = features.shape[1]
    for row in range(features.shape[0]):
        f, left = features[row], keep[row]
        g = np.dot(inverse, f)
        total = left
        for i in range(n):
            total += f[i] * g[i]
        for j in range(weights.shape[0]):
            w = weights[j]
            error = targets[row, j]
            for i in range(n):
                error -= w[i] * f[i]
            step = error / total
            for i in range(n):
                w[i] += step * g[i]
        for i in range(n):
            scaled, line = g[i] / total, inverse[i]
            if left == 1.0:
                for j in range(n):
                    line[j] -= scaled * g[j]
            else:
                for j in range(n):
                    line[j] = (line[j] - scaled * g[j]) / left


@jit()
def nlms_rows(features: Array, targets: Array, rate: float, weights: Array) -> None:
    """Normalized least mean squares with a constant learning rate, row by row."""
    for row in range(features.shape[0]):
        f = features[row]
        power = 0.0
        for i in range(f.size):
            power += f[i] * f[i]
        if power == 0.0:
            continue
        for j in range(weights.shape[0]):
            w = weights[j]
            error = targets[row, j]
            for i in range(f.size):
                error -= w[i] * f[i]
            step = rate * error / power
            for i in range(f.size):
                w[i] += step * f[i]
