"""Compiled loop of the thresholds that are asked for as a rate of false alarms."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["TAIL", "follow_scores", "tail_quantile"]

TAIL = 0.1  # share of the kept scores that may count as a tail
# Of these the uppermost 3 % are fitted, and 64 at least: of a density a tenth is too many, as its
# scores crowd below 1 and only the last of them tell how far beyond the noise of features reaches.
FITTED, FEWEST_FITTED = 0.03, 64
FEWEST = 128  # scores before there is a threshold
EVERY = 64  # rows from one fit to the next at the least, and at most 1/PARTS of those looked at
PARTS = 32
HEAVIEST, LIGHTEST = 0.45, -1.0  # shapes that moments of so few excesses can tell
GAIN = 0.1  # what one alarm takes from the logarithm of the rate in use
CORRECTED = math.log(4.0)  # the rate in use stays within this of the one that is asked
MOST = 1.2  # a kept score lies at most so far above the tail's beginning as the threshold does


@jit()
def tail_quantile(ordered: Array, rate: float) -> float:
    """Return what a share ``rate`` of scores exceeds, given some in rising order.

    Where fewer than ten of them exceed it, the excess of the uppermost ones is taken for a
    generalised Pareto law, fitted by its probability-weighted moments.
    """
    n = ordered.size
    if rate * n >= 10.0:
        found: float = ordered[n - 1 - int(rate * n)]
        return found
    k = max(10, min(int(TAIL * n), max(int(FITTED * n), FEWEST_FITTED)))
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
def follow_scores(
    scores: Array, rate: float, ring: Array, counts: Array, level: Array, out: Array
) -> None:
    """Fill ``out`` (n,) with the threshold of each score, given before it is looked at.

    ``ring`` keeps scores, alarms only up to a bound, so that a few wild ones move little;
    ``counts``: how many came into it; ``level``: the threshold, where the tail begins, and the
    logarithm of the rate in use over ``rate``.
    """
    for i in range(scores.size):
        known = min(counts[0], ring.size)
        if known >= FEWEST and counts[0] % max(EVERY, known // PARTS // EVERY * EVERY) == 0:
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
