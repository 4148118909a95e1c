"""The compiled loop of structured maps with many features: whole groups of blocks at a time.

A group is transformed in an order of its places in which all but the last few stages add and
subtract whole vectors of the machine. The sums are those of ``structured_rows``, in the same
order: the same bits.
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

# Rows that share a reading of the tables, which may lie in a far cache; and how many values they
# may be, for beyond that they drive one another out of it.
ROWS, ROOM = 8, 1 << 17


@jit()
def wide_rows(
    inputs: Array,
    first: Array,
    second: Array,
    whole: int,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Do what ``structured_rows`` does, with the tables of whole groups in working order.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two of at least 64, signs applied; overwritten.
    first, second
        Shape (blocks * D,): see ``structured_rows``. In the first ``whole`` places each group of
        max(D, GROUP) stands in the order of its low bits of the place, its blocks, and the high
        bits, as many as stages come last. For COSINES only the first one does.
    whole
        Places in whole groups.
    kind, exponent, factor, out
        As for ``structured_rows``.
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    size = max(width, GROUP)
    last = 0  # stages that come last, LANES over the blocks of a group
    while (1 << last) * (size // width) < LANES:
        last += 1
    wanted = out.shape[1] // 2 if kind in (COSINES, PHASE) else out.shape[1]
    together = max(1, min(n, ROWS, ROOM // size))
    work = np.empty((4 + together, size), inputs.dtype)
    a, b, c, d, spread = work[0], work[1], work[2], work[3], work[4:]
    if not second.size:
        c[:] = 0
    offsets = np.empty(together)
    for top in range(0, n, together):
        rows = min(together, n - top)
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
                if start < whole:
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
                elif start < whole:
                    _fill(spread[r], second[start:to], c)
                    im = transform_group(c, d, width, last)
                else:
                    _fill(inputs[top + r], second[start:to], c)
                    im = transform_bits(c[:length], d[:length], stages)
                count = min(length, wanted - start)
                row = out[top + r]
                _respond(re, im, row, start, count, kind, exponent, factor, offsets[r])
