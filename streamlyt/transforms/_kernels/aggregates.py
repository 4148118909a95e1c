"""Compiled update of the window aggregates."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.jit import jit

__all__ = ["absorb"]


@jit()
def absorb(
    pane: Array,
    values: Floats,
    counts: Array,
    totals: Floats,
    means: Floats,
    squares: Floats,
    lows: Floats,
    highs: Floats,
) -> None:
    """Add each row (n, d) to the aggregates (g, d) of its pane; missing values are skipped.

    Rows are added in order, so that the result is batch-invariant bit for bit. Means and sums of
    squared deviations use Welford's recurrence.
    """
    n, d = values.shape
    for i in range(n):
        g = pane[i]
        for j in range(d):
            x = values[i, j]
            if not np.isfinite(x):
                continue
            counts[g, j] += 1
            totals[g, j] += x
            off = x - means[g, j]
            if np.isfinite(off):
                means[g, j] += off / counts[g, j]
            else:  # the difference overflows
                means[g, j] += x / counts[g, j] - means[g, j] / counts[g, j]
            squares[g, j] += off * (x - means[g, j])
            lows[g, j] = min(lows[g, j], x)
            highs[g, j] = max(highs[g, j], x)
