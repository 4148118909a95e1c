"""Compiled loops of the inputs of all models: scores and hinge functions."""

import math

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["hinge_rows", "scale_rows"]


@jit()
def scale_rows(
    values: Array, knots: Array, scores: Array, sizes: Array, largest: float, out: Array
) -> None:
    """Map rows (n, d) to the scores of their quantiles.

    Channel j has ``sizes[j]`` increasing ``knots[j]`` with ``scores[j]``. The score is linear
    between them and grows logarithmically beyond, up to ``largest``. A missing value gets 0.
    """
    n, d = values.shape
    for i in range(n):
        for j in range(d):
            x, last = values[i, j], sizes[j] - 1
            if x != x:
                out[i, j] = 0.0
                continue
            low, high = knots[j, 0], knots[j, last]
            if last == 0:
                out[i, j] = 0.0 if x == low else math.copysign(1.0, x - low)
                continue
            slope = (scores[j, last] - scores[j, 0]) / (high - low)
            if x > high:
                z = scores[j, last] + math.log1p((x - high) * slope)
            elif x < low:
                z = scores[j, 0] - math.log1p((low - x) * slope)
            else:
                a, b = 0, last
                while b - a > 1:
                    middle = (a + b) // 2
                    if knots[j, middle] <= x:
                        a = middle
                    else:
                        b = middle
                part = (x - knots[j, a]) / (knots[j, b] - knots[j, a])
                z = scores[j, a] + part * (scores[j, b] - scores[j, a])
            out[i, j] = min(max(z, -largest), largest)


@jit()
def hinge_rows(rows: Array, bends: Array, linear: float, bent: float, out: Array, at: int) -> None:
    """Fill 1 + d + d * b columns of ``out`` (n, any) from ``at`` on.

    They are a constant, each input, and its distance from each of the b hinges.
    """
    n, d = rows.shape
    for i in range(n):
        out[i, at] = 1.0
        for j in range(d):
            out[i, at + 1 + j] = linear * rows[i, j]
        for k in range(bends.size):
            start, bend = at + 1 + d + k * d, bends[k]
            for j in range(d):
                out[i, start + j] = bent * (abs(rows[i, j] - bend) - abs(bend))
