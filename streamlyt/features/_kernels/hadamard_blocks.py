"""Compiled loop of structured maps with many features: complete groups of blocks per pass.

A group is transformed in an order of its positions in which all but the last few stages add and
subtract full vector registers. The sums are those of ``structured_rows``, in the same order, so
results are bit-identical.
"""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import (
    GROUP,
    LANES,
    last_stages,
    spread_values,
    transform_bits,
    transform_bits_back,
    transform_group,
)
from streamlyt.core.numerics.jit import jit

from .projection import _fill
from .response import COSINES, PHASE, _offset, _respond

__all__ = ["wide_rows"]

# Rows that share one read of the tables, which may be in a high-level cache; and the largest number
# of values, since more would evict one another.
ROWS, VALUES = 8, 1 << 17


@jit()
def wide_rows(
    inputs: Array,
    first: Array,
    second: Array,
    n_ordered: int,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Compute ``structured_rows``, with the tables of complete groups in working order.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two of at least 64, signs applied; overwritten.
    first, second
        Shape (blocks * D,): see ``structured_rows``. In the first ``n_ordered`` positions each
        group of max(D, GROUP) is ordered by the low bits of the position, the block, and the high
        bits, as many as the last stages. For COSINES only the first table is reordered.
    n_ordered
        Positions in complete groups.
    kind, exponent, factor, out
        As for ``structured_rows``.
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    size = max(width, GROUP)
    last = 0  # number of last stages: LANES over the blocks of a group
    while (1 << last) * (size // width) < LANES:
        last += 1
    n_projections = out.shape[1] // 2 if kind in (COSINES, PHASE) else out.shape[1]
    per_pass = max(1, min(n, ROWS, VALUES // size))
    work = np.empty((4 + per_pass, size), inputs.dtype)
    a, b, c, d, spread = work[0], work[1], work[2], work[3], work[4:]
    if not second.size:
        c[:] = 0
    offsets = np.empty(per_pass)
    for top in range(0, n, per_pass):
        rows = min(per_pass, n - top)
        for r in range(rows):
            x = inputs[top + r]
            offsets[r] = _offset(x, kind, exponent)
            if width > GROUP:
                spread_values(x, b, a)
                x[:] = transform_group(a, b, width, last)
            else:
                x[:] = last_stages(x, b[:width], stages)
            spread_values(x, a, spread[r])
        for start in range(0, first.size, size):
            length = min(size, first.size - start)
            to = start + length
            for r in range(rows):
                if start < n_ordered:
                    _fill(spread[r], first[start:to], a)
                    re = transform_group(a, b, width, last)
                else:
                    _fill(inputs[top + r], first[start:to], a)
                    re = transform_bits(a[:length], b[:length], stages)
                if kind == COSINES:
                    _fill(re, second[start:to], c)
                    re = transform_bits_back(c[:length], d[:length], stages)
                    im = re
                elif not second.size:
                    im = c
                elif start < n_ordered:
                    _fill(spread[r], second[start:to], c)
                    im = transform_group(c, d, width, last)
                else:
                    _fill(inputs[top + r], second[start:to], c)
                    im = transform_bits(c[:length], d[:length], stages)
                count = min(length, n_projections - start)
                row = out[top + r]
                _respond(re, im, row, start, count, kind, exponent, factor, offsets[r])
