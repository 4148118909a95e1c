"""Compiled loop of the models that take one gradient step per row."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["step_rows"]


# Reassociated sums vectorize; nothing is assumed about NaN.
@jit(fastmath={"reassoc", "contract"})
def step_rows(
    features: Array,
    targets: Array,
    weights: Array,
    counts: Array,
    rate: float,
    fade: float,
    shared: bool,
) -> None:
    """Move weights (k, m) along the gradient of each row's loss, in units of 1 / |f|^2.

    The loss of targets (n, k) is the squared error, or with ``shared`` the log loss of a softmax
    over the k. The step decreases as 1 / sqrt(1 + fade t), with t = ``counts[0]``.
    """
    n, m = features.shape
    k = targets.shape[1]
    predicted = np.empty(k)
    for i in range(n):
        length, top = 0.0, -math.inf
        for j in range(m):
            length += features[i, j] * features[i, j]
        for c in range(k):
            total = 0.0
            for j in range(m):
                total += features[i, j] * weights[c, j]
            predicted[c] = total
            top = max(top, total)
        if shared:
            total = 0.0
            for c in range(k):
                predicted[c] = math.exp(predicted[c] - top)
                total += predicted[c]
            for c in range(k):
                predicted[c] /= total
        step = rate / (length * math.sqrt(1.0 + fade * counts[0]))
        for c in range(k):
            move = step * (targets[i, c] - predicted[c])
            for j in range(m):
                weights[c, j] += move * features[i, j]
        counts[0] += 1
