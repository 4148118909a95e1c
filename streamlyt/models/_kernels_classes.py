"""Compiled loops of classification: scores to probabilities, and the trust in who gave them."""

import math

import numpy as np

from streamlyt._compile import compiled
from streamlyt.base import Array

__all__ = ["mix_classes", "weigh_classes"]

LEAST = 1e-6  # a probability at the least: no label is a surprise without bound
CAP = 2.0  # of a score, which is 1 for the class of a row and 0 for others
SHARE = 0.001  # of the whole that is given back to all experts after each row
SLOWEST = 0.002  # step of the temperature's running curvature
FEW = 8.0  # rows' worth of curvature that stand behind the first temperature


@compiled()
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


@compiled()
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


@compiled()
def mix_classes(
    scores: Array,
    sharpness: Array,
    log_weights: Array,
    seen: Array,
    last: int,
    kept: Array,
    out: Array,
) -> None:
    """Fill ``out`` (n, k) with the experts' mixture for scores (experts, n, k).

    Two experts more, the last class and the frequencies, stand at the end of ``log_weights``.
    """
    experts, n, k = scores.shape
    one, plain = np.empty(k), np.empty((2, k))
    _plain(seen, last, kept, plain)
    for i in range(n):
        for c in range(k):
            out[i, c] = 0.0
            for e in range(2):
                out[i, c] += math.exp(log_weights[experts + e]) * plain[e, c]
        for e in range(experts):
            _soften(scores[e, i], sharpness[e, 0], one)
            for c in range(k):
                out[i, c] += math.exp(log_weights[e]) * one[c]


@compiled()
def weigh_classes(
    scores: Array,
    labels: Array,
    sharpness: Array,
    log_weights: Array,
    seen: Array,
    last: int,
    kept: Array,
) -> int:
    """Learn from scores (experts, n, k), given before their labels (n,); return the last label.

    ``sharpness`` (experts, 2): what scores are multiplied by, moved by Newton steps on the log
    loss, and their running curvature. Weights are those of Bayes' rule, with a fixed share.
    """
    experts, n, k = scores.shape
    one, plain = np.empty(k), np.empty((2, k))
    for i in range(n):
        y = labels[i]
        _plain(seen, last, kept, plain)
        for e in range(experts):
            _soften(scores[e, i], sharpness[e, 0], one)
            log_weights[e] += math.log(max(one[y], LEAST))
            mean, square = 0.0, 0.0
            for c in range(k):
                s = min(max(scores[e, i, c], -CAP), CAP)
                mean += one[c] * s
                square += one[c] * s * s
            own = min(max(scores[e, i, y], -CAP), CAP)
            sharpness[e, 1] = max(sharpness[e, 1] + square - mean * mean, 0.0)
            step = (own - mean) / (sharpness[e, 1] + FEW)
            sharpness[e, 0] = min(max(sharpness[e, 0] + step, 1.0), 30.0)
            sharpness[e, 1] *= 1.0 - SLOWEST
        for e in range(2):
            log_weights[experts + e] += math.log(max(plain[e, y], LEAST))
        top, total = -math.inf, 0.0
        for e in range(experts + 2):
            top = max(top, log_weights[e])
        for e in range(experts + 2):
            log_weights[e] = math.exp(log_weights[e] - top)
            total += log_weights[e]
        for e in range(experts + 2):
            part = (1.0 - SHARE) * log_weights[e] / total + SHARE / (experts + 2)
            log_weights[e] = math.log(part)
        if last >= 0:
            kept[1] += 1.0
            if last == y:
                kept[0] += 1.0
        seen[y] += 1.0
        last = y
    return last
