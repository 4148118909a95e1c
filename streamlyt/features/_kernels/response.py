"""Compiled responses of the feature maps: from projections to features."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["CENTRED", "COSINES", "EXPONENTIAL", "MODULUS", "PHASE", "POWER", "SQUARE"]

# Values of the argument ``kind``.
POWER, MODULUS, SQUARE, EXPONENTIAL, COSINES, PHASE, CENTRED = range(7)


@jit()
def _cosines(z: Array, cosines: Array, sines: Array, factor: float) -> None:
    t = z.dtype.type
    f = t(factor)
    if z.itemsize == 8:
        for i in range(cosines.size):
            cosines[i] = f * math.cos(z[i])
            sines[i] = f * math.sin(z[i])
        return
    # Single precision, an order of magnitude faster: subtract the nearest multiple of pi/2 in
    # three parts (exact products below 2**16 turns), then minimax polynomials on [-pi/4, pi/4].
    # Adding and subtracting 1.5 * 2**23 rounds to the nearest integer.
    big = t(12582912.0)
    for i in range(cosines.size):
        turns = (z[i] * t(0.6366197723675814) + big) - big
        r = ((z[i] - turns * t(1.5703125)) - turns * t(4.837512969970703e-4)) - turns * t(
            7.549789948768648e-8
        )
        q = np.int32(turns)
        rr = r * r
        s = r + r * rr * ((t(-1.9515296e-4) * rr + t(8.332161e-3)) * rr - t(0.16666655))
        c = (
            t(1.0)
            - t(0.5) * rr
            + rr * rr * ((t(2.4433157e-5) * rr - t(1.3887316e-3)) * rr + t(4.1666646e-2))
        )
        odd = (q & 1) == 1
        cosine = s if odd else c
        sine = c if odd else s
        cosines[i] = -f * cosine if ((q + 1) & 2) == 2 else f * cosine
        sines[i] = -f * sine if (q & 2) == 2 else f * sine


@jit()
def _exponential(re: Array, im: Array, out: Array, factor: float) -> None:
    t = out.dtype.type
    f = t(factor)
    if out.itemsize == 8:
        for i in range(out.size):
            out[i] = f * math.exp(-(re[i] * re[i] + im[i] * im[i]))
        return
    # 2**p with p = integer + fraction: the integer is written directly to the exponent bits.
    big = t(12582912.0)
    for i in range(out.size):
        p = max(t(-1.4426950408889634) * (re[i] * re[i] + im[i] * im[i]), t(-126.0))
        integer = (p + big) - big
        x = (p - integer) * t(0.6931471805599453)
        y = t(1.0) + x * (
            t(1.0)
            + x
            * (
                t(0.5)
                + x
                * (
                    t(0.16666667)
                    + x * (t(0.041666667) + x * (t(0.0083333333) + x * t(0.0013888889)))
                )
            )
        )
        bits = np.int32((np.int32(integer) + np.int32(127)) << np.int32(23))
        out[i] = f * y * bits.view(np.float32)


@jit()
def _respond(
    re: Array,
    im: Array,
    row: Array,
    start: int,
    count: int,
    kind: int,
    exponent: float,
    factor: float,
    offset: float,
) -> None:
    # The only function that maps projections re + i im to ``count`` features from ``start`` on.
    t = row.dtype.type
    f = t(factor)
    out = row[start : start + count]
    if kind == MODULUS:
        for i in range(count):
            out[i] = f * np.sqrt(re[i] * re[i] + im[i] * im[i])
    elif kind in (SQUARE, CENTRED):
        c = t(offset)
        for i in range(count):
            out[i] = f * ((re[i] * re[i] + im[i] * im[i]) - c)
    elif kind == EXPONENTIAL:
        _exponential(re, im, out, factor)
    elif kind in (COSINES, PHASE):
        if kind == PHASE:
            for i in range(count):
                re[i] = re[i] * re[i] + im[i] * im[i]
        half = row.size // 2
        _cosines(re, out, row[half + start : half + start + count], factor)
    else:
        power = t(0.5 * exponent)
        for i in range(count):
            out[i] = f * (re[i] * re[i] + im[i] * im[i]) ** power


@jit()
def _offset(x: Array, kind: int, coefficient: float) -> float:
    # Value to subtract from the squared moduli of a row.
    total = 0.0
    if kind == CENTRED:
        for j in range(x.size):
            total += np.float64(x[j]) * np.float64(x[j])
    return coefficient * total
