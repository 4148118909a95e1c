"""Compiled loop of the thresholds that are set by a false alarm rate."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["TAIL", "tail_quantile", "update_thresholds"]

TAIL = 0.1  # maximum fraction of the stored scores in the tail
# The fit uses the uppermost 3 % of these, at least 64. A tenth is too many for a density: scores
# accumulate below 1, and only the largest ones show how far the noise of the features reaches.
FITTED, MIN_FITTED = 0.03, 64
MIN_SCORES = 128  # scores before the first threshold
EVERY = 64  # minimum rows between two fits; at most 1/PARTS of the stored scores
PARTS = 32
HEAVIEST, LIGHTEST = 0.45, -1.0  # shapes that the moments of so few excesses can resolve
GAIN = 0.1  # effect of one alarm on the logarithm of the rate in use
CORRECTED = math.log(4.0)  # bound of that logarithm, relative to the nominal rate
MOST = 1.2  # clips stored scores, in units of the threshold's distance from the start of the tail


@jit()
def tail_quantile(ordered: Array, rate: float) -> float:
    """Return the value that a fraction ``rate`` of scores exceeds, given sorted scores.

    If fewer than ten of them exceed it, a generalized Pareto distribution is fitted to the largest
    excesses by probability-weighted moments.
    """
    n = ordered.size
    if rate * n >= 10.0:
        quantile: float = ordered[n - 1 - int(rate * n)]
        return quantile
    k = max(10, min(int(TAIL * n), max(int(FITTED * n), MIN_FITTED)))
    low: float = ordered[n - 1 - k]
    first, second = 0.0, 0.0
    for i in range(k):
        excess = ordered[n - k + i] - low
        first += excess / k
        second += excess * (k - 1 - i) / ((k - 1) * k)
    if first <= 0.0:
        return low
    shape = 2.0 - first / max(first - 2.0 * second, 1e-9 * first)
    shape = min(max(shape, LIGHTEST), HEAVIEST)
    scale: float = first * (1.0 - shape)
    reach = math.log(k / (n * rate))
    beyond: float = reach if abs(shape) < 1e-6 else math.expm1(shape * reach) / shape
    return low + scale * beyond


@jit()
def update_thresholds(
    scores: Array, rate: float, ring: Array, counts: Array, level: Array, out: Array
) -> None:
    """Fill ``out`` (n,) with the threshold of each score, set before the score is used.

    ``ring`` stores scores; alarms are clipped, so a few outliers change little. ``counts``: number
    of stored scores. ``level``: the threshold, the start of the tail, and the logarithm of the rate
    in use over ``rate``.
    """
    for i in range(scores.size):
        known = min(counts[0], ring.size)
        if known >= MIN_SCORES and counts[0] % max(EVERY, known // PARTS // EVERY * EVERY) == 0:
            ordered = np.sort(ring[:known])
            level[0] = tail_quantile(ordered, rate * math.exp(level[2]))
            level[1] = ordered[int((1.0 - TAIL) * ordered.size)]
        out[i] = level[0]
        alarm = scores[i] > level[0]
        kept = scores[i]
        if level[0] < math.inf:
            corrected = level[2] + GAIN * (rate - alarm)
            level[2] = min(max(corrected, -CORRECTED), CORRECTED)
            if level[0] > level[1]:
                kept = min(kept, level[1] + MOST * (level[0] - level[1]))
        ring[counts[0] % ring.size] = kept
        counts[0] += 1
