"""Stages of the Walsh-Hadamard transform."""

from .arrays import Array
from .jit import jit

__all__ = ["GROUP", "LANES"]

# Values per group: two planes, their partners and two tables fit into 48 kB of cache.
GROUP = 2048


@jit()
def transform_bits(a: Array, b: Array, stages: int) -> Array:
    # Walsh-Hadamard transform of the lowest bits of the index, which become the highest. a and b
    # are overwritten, one of them is returned. Unlike the in-place transform, each stage is one
    # flat loop: sums into the lower half, differences into the upper.
    half = a.size // 2
    for _ in range(stages):
        for i in range(half):
            x = a[2 * i]
            y = a[2 * i + 1]
            b[i] = x + y
            b[half + i] = x - y
        a, b = b, a
    return a


@jit()
def _butterfly_back(a: Array, b: Array) -> None:
    half = a.size // 2
    for i in range(half):
        x = a[i]
        y = a[half + i]
        b[2 * i] = x + y
        b[2 * i + 1] = x - y


@jit()
def transform_bits_back(a: Array, b: Array, stages: int) -> Array:
    # The same for the highest bits, which become the lowest. Two calls, because the compiler
    # vectorizes this store only where it can see that a and b are different arrays.
    for stage in range(stages):
        if stage % 2:
            _butterfly_back(b, a)
        else:
            _butterfly_back(a, b)
    return b if stages % 2 else a


# Adjacent positions of a group, whose stages come last: those of the highest bits, and the blocks.
# One register holds 16 single-precision values.
LANES = 16


# Values transformed completely before the next: with their partners they fit into 128 kB of cache.
_NEAR = 8192


@jit()
def _stages_4(a: Array) -> None:
    # Two stages over steps of 32; all steps are constants that the compiler knows.
    for start in range(0, a.size, 128):
        s = a[start : start + 128]
        for i in range(32):
            x0, x1, x2, x3 = s[i], s[i + 32], s[i + 64], s[i + 96]
            y0, y1, y2, y3 = x0 + x1, x0 - x1, x2 + x3, x2 - x3
            s[i], s[i + 32], s[i + 64], s[i + 96] = y0 + y2, y1 + y3, y0 - y2, y1 - y3


@jit()
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


@jit()
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


@jit()
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


@jit()
def _stage_far(a: Array, step: int) -> None:
    for start in range(0, a.size, 2 * step):
        s0, s1 = a[start : start + step], a[start + step : start + 2 * step]
        for i in range(step):
            x0, x1 = s0[i], s1[i]
            s0[i], s1[i] = x0 + x1, x0 - x1


@jit()
def last_stages(a: Array, b: Array, stages: int) -> Array:
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
    return transform_bits(a, b, stages % 2)


@jit()
def transform_group(a: Array, b: Array, width: int, last: int) -> Array:
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
    return last_stages(a, b, last)


@jit()
def hadamard_transform(a: Array, b: Array, stages: int) -> Array:
    # A Walsh-Hadamard transform with its outputs in a fixed order; a and b are overwritten, one of
    # them is returned.
    if a.size < GROUP:
        return transform_bits(a, b, stages)
    size = a.size
    while size > _NEAR:
        size //= 4
        _stages_far(a, size)
    for start in range(0, a.size, size):
        # The last four stages, two at a time: the index bits return to their original order.
        transform_group(a[start : start + size], b[start : start + size], 128, 4)
    return a


@jit()
def _interleave_2(a: Array, b: Array) -> None:
    half = a.size // 2
    for i in range(half):
        b[2 * i] = a[i]
        b[2 * i + 1] = a[half + i]


@jit()
def _interleave_4(a: Array, b: Array) -> None:
    quarter = a.size // 4
    for i in range(quarter):
        b[4 * i] = a[i]
        b[4 * i + 1] = a[quarter + i]
        b[4 * i + 2] = a[2 * quarter + i]
        b[4 * i + 3] = a[3 * quarter + i]


@jit()
def spread_values(x: Array, a: Array, out: Array) -> None:
    # A row in working order, once for each block of a group: the highest bits of the position in
    # the row of copies become the lowest. The three arrays must be distinct.
    for start in range(0, out.size, x.size):
        out[start : start + x.size] = x
    _interleave_4(out, a)
    _interleave_4(a, out)
    if x.size == 64:  # 32 copies
        _interleave_2(out, a)
        out[:] = a
