"""Compiled loops of classification: probabilities from scores, and weights of the experts."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["PRIOR", "mix_classes", "weigh_classes"]

MIN_PROBABILITY = 1e-6  # bounds the log loss of a label
CAP = 2.0  # bound of a score, which is 1 for the class of a row and 0 for others
SHARE = 0.001  # fixed share: redistributed to all experts after each row
SLOWEST = 0.002  # step of the running curvature of the temperature
STEEPEST = 30.0  # maximum sharpness, and maximum weight of an expert in the weighted sum
PRIOR = 1.0  # prior curvature of those weights; renewed as fast as it is forgotten
FEW = 8.0  # prior curvature of the temperature, in rows


@jit()
def _soften(scores: Array, sharpness: float, out: Array) -> None:
    """Fill ``out`` (k,) with exp(sharpness * score), normalized to sum 1."""
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
def _plain(counts: Array, last: int, repeats: Array, out: Array) -> None:
    """Fill two rows: the last class with its probability of repeating, and the frequencies."""
    k = counts.size
    total = 0.0
    for c in range(k):
        total += counts[c]
    stay = (repeats[0] + 1.0) / (repeats[1] + 2.0)
    others = 0.0
    for c in range(k):
        out[1, c] = (counts[c] + 1.0 / k) / (total + 1.0)
        if c != last:
            others += out[1, c]
    for c in range(k):
        out[0, c] = out[1, c]
        if last >= 0 and k > 1:
            out[0, c] = stay if c == last else (1.0 - stay) * out[1, c] / others


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
    counts: Array,
    last: int,
    repeats: Array,
    out: Array,
) -> None:
    """Fill ``out`` (n, k) with the experts' mixture for scores (n, experts, k).

    ``log_weights`` ends with three more experts: the weighted sum of all scores, with weights
    ``together`` (experts,), the last class and the frequencies.
    """
    n, experts, k = scores.shape
    one, sums, plain = np.empty(k), np.empty(k), np.empty((2, k))
    shares = np.exp(log_weights)
    _plain(counts, last, repeats, plain)
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
        total = out[i].sum()  # 1 up to rounding
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
    counts: Array,
    last: int,
    repeats: Array,
) -> int:
    """Update the weights from scores (n, experts, k) and labels (n,); return the last label.

    ``sharpness`` (experts, 2): factor of the scores, updated by Newton steps on the log loss, and
    its running curvature. ``together`` (experts,) and ``curvature`` (experts, experts) are the same
    for the weighted sum of all scores. The weights follow Bayes' rule with a fixed share.
    """
    n, experts, k = scores.shape
    one, sums, plain = np.empty(k), np.empty(k), np.empty((2, k))
    means, gradient = np.empty(experts), np.empty(experts)
    for i in range(n):
        y = labels[i]
        _plain(counts, last, repeats, plain)
        _sum_up(scores[i], together, sums, one)
        log_weights[experts] += math.log(max(one[y], MIN_PROBABILITY))
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
            log_weights[e] += math.log(max(one[y], MIN_PROBABILITY))
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
            log_weights[experts + 1 + e] += math.log(max(plain[e, y], MIN_PROBABILITY))
        top, total = log_weights.max(), 0.0
        for e in range(log_weights.size):
            log_weights[e] = math.exp(log_weights[e] - top)
            total += log_weights[e]
        for e in range(log_weights.size):
            part = (1.0 - SHARE) * log_weights[e] / total + SHARE / log_weights.size
            log_weights[e] = math.log(part)
        if last >= 0:
            repeats[1] += 1.0
            if last == y:
                repeats[0] += 1.0
        counts[y] += 1.0
        last = y
    return last


@jit()
def _solve(matrix: Array, vector: Array) -> None:
    """Overwrite ``vector`` with the solution of matrix x = vector; positive definite matrix."""
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
