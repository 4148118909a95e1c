"""Compiled loop of a streamed dense matrix: drawn tile by tile, multiplied, and not stored.

It draws the bits of ``counter_rng.complex_normals`` and adds in the order of ``dense_rows``, so
that its features are bit-identical to those of the matrix in memory.
"""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.counter_rng import COSINE, LOG, SINE
from streamlyt.core.numerics.jit import jit

from .projection import PANEL, QUAD, _multiply
from .response import COSINES, PHASE, _offset, _respond

__all__ = ["DEPTH", "streamed_rows"]

DEPTH = 128  # inputs per tile: two planes have 128 kB in single precision, half of a small cache
_C, _S, _L = tuple(COSINE), tuple(SINE), tuple(LOG)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_RIGHT_ANGLE = math.pi / 2
_LOG2 = math.log(2.0)
_LOW = math.sqrt(0.5)
_MANTISSA = np.uint64((1 << 52) - 1)
_HALF = np.uint64(1022 << 52)


@jit()
def _word(key: np.uint64, counter: np.uint64) -> np.uint64:
    z = counter * _STEP + key
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@jit(error_model="numpy")  # a check for division by zero would prevent vectorization
def _draw(
    re: Array,
    im: Array,
    angles: np.uint64,
    radii: np.uint64,
    offset: int,
    columns: int,
    gain: float,
) -> None:
    # One input's entries of a panel: ``columns`` counters from ``offset`` on, then zeros.
    for i in range(PANEL):
        counter = np.uint64(offset + 1 + i)
        word = _word(angles, counter)
        fraction = np.float64(np.int64((word << np.uint64(2)) >> np.uint64(11))) * 2.0**-53
        angle = fraction * _RIGHT_ANGLE
        square = angle * angle
        cosine = _C[12]
        cosine = cosine * square + _C[11]
        cosine = cosine * square + _C[10]
        cosine = cosine * square + _C[9]
        cosine = cosine * square + _C[8]
        cosine = cosine * square + _C[7]
        cosine = cosine * square + _C[6]
        cosine = cosine * square + _C[5]
        cosine = cosine * square + _C[4]
        cosine = cosine * square + _C[3]
        cosine = cosine * square + _C[2]
        cosine = cosine * square + _C[1]
        cosine = cosine * square + _C[0]
        sine = _S[11]
        sine = sine * square + _S[10]
        sine = sine * square + _S[9]
        sine = sine * square + _S[8]
        sine = sine * square + _S[7]
        sine = sine * square + _S[6]
        sine = sine * square + _S[5]
        sine = sine * square + _S[4]
        sine = sine * square + _S[3]
        sine = sine * square + _S[2]
        sine = sine * square + _S[1]
        sine = angle * (sine * square + _S[0])
        quarter = word >> np.uint64(62)
        odd = (quarter & np.uint64(1)) == np.uint64(1)
        flip = -1.0 if quarter >= np.uint64(2) else 1.0
        turned_re = -sine if odd else cosine
        turned_im = cosine if odd else sine
        # The logarithm of x in (0, 1]: exponent and mantissa directly from the bits.
        x = 1.0 - np.float64(np.int64(_word(radii, counter) >> np.uint64(11))) * 2.0**-53
        raw = np.float64(x).view(np.uint64)
        power = np.int64(raw >> np.uint64(52)) - np.int64(1022)
        mantissa = np.uint64((raw & _MANTISSA) | _HALF).view(np.float64)
        low = mantissa < _LOW
        power = power - np.int64(1) if low else power
        mantissa = 2.0 * mantissa if low else mantissa
        s = (mantissa - 1.0) / (mantissa + 1.0)
        ss = s * s
        series = _L[11]
        series = series * ss + _L[10]
        series = series * ss + _L[9]
        series = series * ss + _L[8]
        series = series * ss + _L[7]
        series = series * ss + _L[6]
        series = series * ss + _L[5]
        series = series * ss + _L[4]
        series = series * ss + _L[3]
        series = series * ss + _L[2]
        series = series * ss + _L[1]
        series = series * ss + _L[0]
        radius = np.sqrt(-(np.float64(power) * _LOG2 + s * series))
        re[i] = gain * (radius * (flip * turned_re))
        im[i] = gain * (radius * (flip * turned_im))
    for i in range(columns, PANEL):
        re[i] = 0
        im[i] = 0


@jit()
def streamed_rows(
    inputs: Array,
    angles: np.uint64,
    radii: np.uint64,
    used: int,
    gain: float,
    real: bool,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Multiply rows by a streamed matrix of complex normals, and apply the response.

    Parameters
    ----------
    inputs
        Shape (n, K), zero padded, K a multiple of four.
    angles, radii
        Keys of the two streams.
    used
        Number of inputs before the padding: the rows of the matrix.
    gain
        Factor on every entry of the matrix.
    real
        Whether the matrix is the real part alone.
    kind, exponent, factor, out
        As for ``structured_rows``.
    """
    n, m = out.shape
    depth = inputs.shape[1]
    n_projections = m // 2 if kind in (COSINES, PHASE) else m
    first = np.zeros(DEPTH * PANEL, inputs.dtype)
    second = np.zeros(DEPTH * PANEL, inputs.dtype)
    re = np.empty((n, PANEL), inputs.dtype)
    im = np.empty((n, PANEL), inputs.dtype)
    for start in range(0, n_projections, PANEL):
        count = min(PANEL, n_projections - start)
        re[:] = 0
        im[:] = 0
        for top in range(0, depth, DEPTH):
            rows_in_tile = min(DEPTH, depth - top)
            for k in range(rows_in_tile):
                a, b = first[k * PANEL : (k + 1) * PANEL], second[k * PANEL : (k + 1) * PANEL]
                if top + k < used:
                    _draw(a, b, angles, radii, (top + k) * n_projections + start, count, gain)
                else:
                    a[:] = 0
                    b[:] = 0
            for row in range(0, n, QUAD):
                end = min(row + QUAD, n)
                x = inputs[row:end, top : top + rows_in_tile]
                _multiply(x, first, re[row:end].reshape(-1))
                if not real:
                    _multiply(x, second, im[row:end].reshape(-1))
        for row in range(n):
            offset = _offset(inputs[row], kind, exponent)
            _respond(re[row], im[row], out[row], start, count, kind, exponent, factor, offset)
