"""The compiled loop of structured maps with many features: whole groups of blocks at a time.

A group is transformed in an order of its places in which all but the last few stages add and
subtract whole vectors of the machine. The sums are those of ``structured_rows``, in the same
order: the same bits.
"""

import numpy as np

from streamlyt._compile import compiled
from streamlyt.base import Array

from ._kernels import GROUP, _fill, _transform, _transform_back
from ._kernels_response import COSINES, PHASE, _offset, _respond

__all__ = ["LANES", "wide_rows"]

# Places beside one another in a group whose stages come last: those of the highest bits, and the
# blocks. A register holds so many values in single precision.
LANES = 16
# Rows that share a reading of the tables, which may lie in a far cache; and how many values they
# may be, for beyond that they drive one another out of it.
ROWS, ROOM = 8, 1 << 17
# Values that are transformed to the end before the next: with their partners in 128 kB of cache.
_NEAR = 8192


@compiled()
def _stages_4(a: Array) -> None:
    # Two stages over steps of 32; all steps are constants, so that the compiler sees what is apart.
    for start in range(0, a.size, 128):
        s = a[start : start + 128]
        for i in range(32):
            x0, x1, x2, x3 = s[i], s[i + 32], s[i + 64], s[i + 96]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            s[i], s[i + 32], s[i + 64], s[i + 96] = y0 + y2, y1 + y3, y0 - y2, y1 - y3


@compiled()
def _stages_8(a: Array) -> None:
    # Three stages over steps of 16.
    for start in range(0, a.size, 128):
        s = a[start : start + 128]
        for i in range(16):
            x0, x1, x2, x3 = s[i], s[i + 16], s[i + 32], s[i + 48]
            x4, x5, x6, x7 = s[i + 64], s[i + 80], s[i + 96], s[i + 112]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            y4, y5, y6, y7 = x4 + x5, x4 - x5, x6 + x7, x6 - x7
            x0, x1, x2, x3 = y0 + y2, y1 + y3, y0 - y2, y1 - y3
            x4, x5, x6, x7 = y4 + y6, y5 + y7, y4 - y6, y5 - y7
            s[i], s[i + 16], s[i + 32], s[i + 48] = x0 + x4, x1 + x5, x2 + x6, x3 + x7
            s[i + 64], s[i + 80], s[i + 96], s[i + 112] = x0 - x4, x1 - x5, x2 - x6, x3 - x7


@compiled()
def _stages_16(a: Array) -> None:
    # Four stages over steps of 128.
    for start in range(0, a.size, 2048):
        s = a[start : start + 2048]
        for i in range(128):
            x0, x1, x2, x3 = s[i], s[i + 128], s[i + 256], s[i + 384]
            x4, x5, x6, x7 = s[i + 512], s[i + 640], s[i + 768], s[i + 896]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            y4, y5, y6, y7 = x4 + x5, x4 - x5, x6 + x7, x6 - x7
            x0, x1, x2, x3 = y0 + y2, y1 + y3, y0 - y2, y1 - y3
            x4, x5, x6, x7 = y4 + y6, y5 + y7, y4 - y6, y5 - y7
            a0, a1, a2, a3 = x0 + x4, x1 + x5, x2 + x6, x3 + x7
            a4, a5, a6, a7 = x0 - x4, x1 - x5, x2 - x6, x3 - x7
            x0, x1, x2, x3 = s[i + 1024], s[i + 1152], s[i + 1280], s[i + 1408]
            x4, x5, x6, x7 = s[i + 1536], s[i + 1664], s[i + 1792], s[i + 1920]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            y4, y5, y6, y7 = x4 + x5, x4 - x5, x6 + x7, x6 - x7
            x0, x1, x2, x3 = y0 + y2, y1 + y3, y0 - y2, y1 - y3
            x4, x5, x6, x7 = y4 + y6, y5 + y7, y4 - y6, y5 - y7
            y0, y1, y2, y3 = x0 + x4, x1 + x5, x2 + x6, x3 + x7
            y4, y5, y6, y7 = x0 - x4, x1 - x5, x2 - x6, x3 - x7
            s[i], s[i + 128], s[i + 256], s[i + 384] = a0 + y0, a1 + y1, a2 + y2, a3 + y3
            s[i + 512], s[i + 640], s[i + 768], s[i + 896] = a4 + y4, a5 + y5, a6 + y6, a7 + y7
            s[i + 1024], s[i + 1152], s[i + 1280], s[i + 1408] = (
                a0 - y0,
                a1 - y1,
                a2 - y2,
                a3 - y3,
            )
            s[i + 1536], s[i + 1664], s[i + 1792], s[i + 1920] = (
                a4 - y4,
                a5 - y5,
                a6 - y6,
                a7 - y7,
            )


@compiled()
def _stages_far(a: Array, step: int) -> None:
    # Two stages over steps of 2048 or more.
    for start in range(0, a.size, 4 * step):
        s0, s1 = a[start : start + step], a[start + step : start + 2 * step]
        s2 = a[start + 2 * step : start + 3 * step]
        s3 = a[start + 3 * step : start + 4 * step]
        for i in range(step):
            x0, x1, x2, x3 = s0[i], s1[i], s2[i], s3[i]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            s0[i], s1[i], s2[i], s3[i] = y0 + y2, y1 + y3, y0 - y2, y1 - y3


@compiled()
def _stage_far(a: Array, step: int) -> None:
    for start in range(0, a.size, 2 * step):
        s0, s1 = a[start : start + step], a[start + step : start + 2 * step]
        for i in range(step):
            x0, x1 = s0[i], s1[i]
            s0[i], s1[i] = x0 + x1, x0 - x1


@compiled()
def _stages_last(a: Array, b: Array, stages: int) -> Array:
    # The lowest bits of the index, which end as its highest: as ``_transform``, two at a time.
    quarter = a.size // 4
    for _ in range(stages // 2):
        for i in range(quarter):
            x0, x1, x2, x3 = a[4 * i], a[4 * i + 1], a[4 * i + 2], a[4 * i + 3]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            b[i] = y0 + y2
            b[quarter + i] = y1 + y3
            b[2 * quarter + i] = y0 - y2
            b[3 * quarter + i] = y1 - y3
        a, b = b, a
    return _transform(a, b, stages % 2)


@compiled()
def _transform_group(a: Array, b: Array, width: int, last: int) -> Array:
    # All stages of a group in working order; a and b are overwritten, one of them is returned.
    if width == 64:
        _stages_4(a)
    else:
        _stages_8(a)
    _stages_16(a)
    step = GROUP
    while 4 * step <= a.size:
        _stages_far(a, step)
        step *= 4
    if step < a.size:
        _stage_far(a, step)
    return _stages_last(a, b, last)


@compiled()
def _hadamard(a: Array, b: Array, stages: int) -> Array:
    # A Walsh-Hadamard transform, its outputs in some fixed order; a and b are overwritten, one of
    # them is returned.
    if a.size < GROUP:
        return _transform(a, b, stages)
    size = a.size
    while size > _NEAR:
        size //= 4
        _stages_far(a, size)
    for start in range(0, a.size, size):
        # Four stages come last, two at a time: they end where they began.
        _transform_group(a[start : start + size], b[start : start + size], 128, 4)
    return a


@compiled()
def _interleave_2(a: Array, b: Array) -> None:
    half = a.size // 2
    for i in range(half):
        b[2 * i] = a[i]
        b[2 * i + 1] = a[half + i]


@compiled()
def _interleave_4(a: Array, b: Array) -> None:
    quarter = a.size // 4
    for i in range(quarter):
        b[4 * i] = a[i]
        b[4 * i + 1] = a[quarter + i]
        b[4 * i + 2] = a[2 * quarter + i]
        b[4 * i + 3] = a[3 * quarter + i]


@compiled()
def _spread(x: Array, a: Array, out: Array) -> None:
    # A row in working order, once for each block of a group: the highest bits of the place in a
    # row of copies become the lowest. The three arrays are three.
    for start in range(0, out.size, x.size):
        out[start : start + x.size] = x
    _interleave_4(out, a)
    _interleave_4(a, out)
    if x.size == 64:  # 32 copies
        _interleave_2(out, a)
        out[:] = a


@compiled()
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
                _spread(x, b, a)
                x[:] = _transform_group(a, b, width, last)
            else:
                x[:] = _stages_last(x, b[:width], stages)
            _spread(x, a, spread[r])
        for start in range(0, first.size, size):
            length = min(size, first.size - start)
            to = start + length
            for r in range(rows):
                if start < whole:
                    _fill(spread[r], first[start:to], a)
                    re = _transform_group(a, b, width, last)
                else:
                    _fill(inputs[top + r], first[start:to], a)
                    re = _transform(a[:length], b[:length], stages)
                if kind == COSINES:
                    _fill(re, second[start:to], c)
                    re = _transform_back(c[:length], d[:length], stages)
                    im = re
                elif not second.size:
                    im = c
                elif start < whole:
                    _fill(spread[r], second[start:to], c)
                    im = _transform_group(c, d, width, last)
                else:
                    _fill(inputs[top + r], second[start:to], c)
                    im = _transform(c[:length], d[:length], stages)
                count = min(length, wanted - start)
                row = out[top + r]
                _respond(re, im, row, start, count, kind, exponent, factor, offsets[r])
