"""Compiled loops of the weights of experts: Hedge with a fixed share."""

import math

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["mean_rows", "mix_rows", "offset_rows", "weigh_rows"]

WORST = 4.0  # maximum loss, in units of the mean loss of the mixture
SLOWEST = 0.01  # step of that running mean
RATE, SHARE = 0.5, 0.001  # learning rate and fixed share: chosen on generated tables
REACH = 0.5  # predictions may leave the range of the targets by half of its length


@jit()
def mean_rows(targets: Array, mean: Array, advice: Array) -> None:
    """Write the mean of the targets (n,) before each row to the last column of ``advice`` (n, k).

    ``mean`` (2,): mean of all targets so far, and their number.
    """
    for i in range(targets.size):
        advice[i, -1] = mean[0]
        mean[1] += 1.0
        mean[0] += (targets[i] - mean[0]) / mean[1]


@jit()
def offset_rows(rows: Array, columns: Array, origin: float, offsets: Array) -> None:
    """Fill ``offsets`` (n, k) with columns of rows (n, d); a negative index means ``origin``."""
    for i in range(len(rows)):
        for k in range(columns.size):
            offsets[i, k] = rows[i, columns[k]] if columns[k] >= 0 else origin


@jit()
def mix_rows(advice: Array, log_weights: Array, span: Array, out: Array) -> None:
    """Fill ``out`` (n,) with weighted means of ``advice`` (n, k), clipped to its bounds.

    ``span`` (2,): minimum and maximum target so far; ``log_weights``: logarithms of weights that
    sum to 1.
    """
    low = span[0] - REACH * (span[1] - span[0])
    high = span[1] + REACH * (span[1] - span[0])
    for i in range(advice.shape[0]):
        out[i] = 0.0
        for k in range(advice.shape[1]):
            out[i] += math.exp(log_weights[k]) * min(max(advice[i, k], low), high)


@jit()
def weigh_rows(
    advice: Array, targets: Array, log_weights: Array, span: Array, scale: Array
) -> None:
    """Update the weights from predictions ``advice`` (n, k), made before the targets (n,).

    The weight of an expert is multiplied by exp(-RATE * loss). Its loss is its absolute error over
    the running mean error ``scale[0]`` of the mixture. Then SHARE of the total is redistributed
    equally. ``scale[1]`` counts rows.
    """
    experts = advice.shape[1]
    for i in range(advice.shape[0]):
        y = targets[i]
        if scale[1] == 0.0:
            span[0] = span[1] = y
            scale[1] = 1.0
            continue
        low = span[0] - REACH * (span[1] - span[0])
        high = span[1] + REACH * (span[1] - span[0])
        mixture = 0.0
        for k in range(experts):
            mixture += math.exp(log_weights[k]) * abs(min(max(advice[i, k], low), high) - y)
        if scale[0] == 0.0:
            scale[0] = mixture
        if scale[0] > 0.0:
            top, total = -math.inf, 0.0
            for k in range(experts):
                loss = abs(min(max(advice[i, k], low), high) - y) / scale[0]
                log_weights[k] -= RATE * min(loss, WORST)
                top = max(top, log_weights[k])
            for k in range(experts):
                log_weights[k] = math.exp(log_weights[k] - top)
                total += log_weights[k]
            for k in range(experts):
                part = (1.0 - SHARE) * log_weights[k] / total + SHARE / experts
                log_weights[k] = math.log(part)
            step = max(1.0 / (scale[1] + 1.0), SLOWEST)
            scale[0] += step * (min(mixture, WORST * scale[0]) - scale[0])
        scale[1] += 1.0
        span[0], span[1] = min(span[0], y), max(span[1], y)
