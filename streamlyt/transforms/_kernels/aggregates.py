"""The compiled loop of the windows: what is known of a pane after each of its rows."""

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
    """Add each row (n, d) to the moments (g, d) of its pane; holes are left out.

    Row by row and in order, so that the last bit does not depend on how the rows are cut; means
    and sums of squared deviations by Welford's recurrence.
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
            else:  # two values at the far ends of all numbers
                means[g, j] += x / counts[g, j] - means[g, j] / counts[g, j]
            squares[g, j] += off * (x - means[g, j])
            lows[g, j] = min(lows[g, j], x)
            highs[g, j] = max(highs[g, j], x)
