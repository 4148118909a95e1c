"""Compiled loops of classification: scores to probabilities, and the trust in who gave them."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["PRIOR", "mix_classes", "weigh_classes"]

LEAST = 1e-6  # a probability at the least: no label is a surprise without bound
CAP = 2.0  # of a score, which is 1 for the class of a row and 0 for others
SHARE = 0.001  # of the whole that is given back to all experts after each row
SLOWEST = 0.002  # step of the temperature's running curvature
STEEPEST = 30.0  # sharpness at the most, and weight of one expert's scores in the sum of all
PRIOR = 1.0  # curvature that stands behind those weights, and renews itself as it is forgotten
FEW = 8.0  # rows' worth of curvature that stand behind the first temperature


@jit()
def _soften(scores: Array, sharpness: float, out: Array) -> None:
    """Fill ``out`` (k,) with exp(sharpness * score), in sum 1."""
    top = -math.inf
    for c in range(scores.size):
        top = max(top, min(max(scores[c], -CAP), CAP))
    total = 0.0
    for c in range(scores.size):
        out[c] = math.exp(sharpness * (min(max(scores[c], -CAP), CAP) - top))
        total += out[c]
    for c in range(scores.size):
        out[c] = out[c] / total


@jit()
def _plain(seen: Array, last: int, kept: Array, out: Array) -> None:
    """Fill two rows: the frequencies, and the last class as often as it stayed."""
    k = seen.size
    total = 0.0
    for c in range(k):
        total += seen[c]
    stay = (kept[0] + 1.0) / (kept[1] + 2.0)
    rest = 0.0
    for c in range(k):
        out[1, c] = (seen[c] + 1.0 / k) / (total + 1.0)
        if c != last:
            rest += out[1, c]
    for c in range(k):
        out[0, c] = out[1, c]
        if last >= 0 and k > 1:
            out[0, c] = stay if c == last else (1.0 - stay) * out[1, c] / rest


@jit()
def _sum_up(scores: Array, together: Array, sums: Array, out: Array) -> None:
    """Fill ``sums`` (k,) with the weighted sums of scores (experts, k), ``out`` with a softmax."""
    experts, k = scores.shape
    for c in range(k):
        sums[c] = 0.0
        for e in range(experts):
            sums[c] += together[e] * min(max(scores[e, c], -CAP), CAP)
    top, total = sums.max(), 0.0
    for c in range(k):
        out[c] = math.exp(sums[c] - top)
        total += out[c]
    for c in range(k):
        out[c] /= total


@jit()
def mix_classes(
    scores: Array,
    sharpness: Array,
    together: Array,
    log_weights: Array,
    seen: Array,
    last: int,
    kept: Array,
    out: Array,
) -> None:
    """Fill ``out`` (n, k) with the experts' mixture for scores (n, experts, k).

    Three experts more stand at the end of ``log_weights``: the sum of all scores weighed by
    ``together`` (experts,), the last class and the frequencies.
    """
    n, experts, k = scores.shape
    one, sums, plain = np.empty(k), np.empty(k), np.empty((2, k))
    shares = np.exp(log_weights)
    _plain(seen, last, kept, plain)
    for i in range(n):
        _sum_up(scores[i], together, sums, one)
        for c in range(k):
            out[i, c] = shares[experts] * one[c]
            for e in range(2):
                out[i, c] += shares[experts + 1 + e] * plain[e, c]
        for e in range(experts):
            _soften(scores[i, e], sharpness[e, 0], one)
            for c in range(k):
                out[i, c] += shares[e] * one[c]
        total = out[i].sum()  # 1, but for the last bit
        for c in range(k):
            out[i, c] /= total


@jit()
def weigh_classes(
    scores: Array,
    labels: Array,
    sharpness: Array,
    together: Array,
    curvature: Array,
    log_weights: Array,
    seen: Array,
    last: int,
    kept: Array,
) -> int:
    """Learn from scores (n, experts, k), given before their labels (n,); return the last label.

    ``sharpness`` (experts, 2): what scores are multiplied by, moved by Newton steps on the log
    loss, and their running curvature; ``together`` (experts,) and ``curvature`` (experts, experts)
    are the same for the sum of all scores. Weights are those of Bayes' rule, with a fixed share.
    """
    n, experts, k = scores.shape
    one, sums, plain = np.empty(k), np.empty(k), np.empty((2, k))
    means, gradient = np.empty(experts), np.empty(experts)
    for i in range(n):
        y = labels[i]
        _plain(seen, last, kept, plain)
        _sum_up(scores[i], together, sums, one)
        log_weights[experts] += math.log(max(one[y], LEAST))
        for e in range(experts):
            means[e] = 0.0
            for c in range(k):
                means[e] += one[c] * min(max(scores[i, e, c], -CAP), CAP)
            gradient[e] = min(max(scores[i, e, y], -CAP), CAP) - means[e]
        for e in range(experts):
            for g in range(experts):
                total = 0.0
                for c in range(k):
                    own = min(max(scores[i, e, c], -CAP), CAP) - means[e]
                    total += one[c] * own * (min(max(scores[i, g, c], -CAP), CAP) - means[g])
                curvature[e, g] = (1.0 - SLOWEST) * curvature[e, g] + total
            curvature[e, e] += SLOWEST * PRIOR
        _solve(curvature, gradient)
        for e in range(experts):
            together[e] = min(max(together[e] + gradient[e], -STEEPEST), STEEPEST)
        for e in range(experts):
            _soften(scores[i, e], sharpness[e, 0], one)
            log_weights[e] += math.log(max(one[y], LEAST))
            mean, square = 0.0, 0.0
            for c in range(k):
                s = min(max(scores[i, e, c], -CAP), CAP)
                mean += one[c] * s
                square += one[c] * s * s
            own = min(max(scores[i, e, y], -CAP), CAP)
            sharpness[e, 1] = max(sharpness[e, 1] + square - mean * mean, 0.0)
            step = (own - mean) / (sharpness[e, 1] + FEW)
            sharpness[e, 0] = min(max(sharpness[e, 0] + step, 1.0), STEEPEST)
            sharpness[e, 1] *= 1.0 - SLOWEST
        for e in range(2):
            log_weights[experts + 1 + e] += math.log(max(plain[e, y], LEAST))
        top, total = log_weights.max(), 0.0
        for e in range(log_weights.size):
            log_weights[e] = math.exp(log_weights[e] - top)
            total += log_weights[e]
        for e in range(log_weights.size):
            part = (1.0 - SHARE) * log_weights[e] / total + SHARE / log_weights.size
            log_weights[e] = math.log(part)
        if last >= 0:
            kept[1] += 1.0
            if last == y:
                kept[0] += 1.0
        seen[y] += 1.0
        last = y
    return last


@jit()
def _solve(matrix: Array, vector: Array) -> None:
    """Put the solution of matrix x = vector into ``vector``; the matrix is positive definite."""
    m = vector.size
    root = matrix.copy()
    for j in range(m):  # Cholesky, in place
        for i in range(j, m):
            total = root[i, j]
            for h in range(j):
                total -= root[i, h] * root[j, h]
            root[i, j] = math.sqrt(total) if i == j else total / root[j, j]
    for i in range(m):
        for h in range(i):
            vector[i] -= root[i, h] * vector[h]
        vector[i] /= root[i, i]
    for i in range(m - 1, -1, -1):
        for h in range(i + 1, m):
            vector[i] -= root[h, i] * vector[h]
        vector[i] /= root[i, i]
