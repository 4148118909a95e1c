"""Compiled loop of 1-bit inputs times a streamed 1-bit matrix, which is never stored."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

from .response import CENTRED, PHASE, _respond
from .streamed_matrix import _word

__all__ = ["binary_rows"]

FEATURES = 64  # features per pass
WORDS = 16  # words of an input and of the matrix per tile: two planes have 16 kB
# Rows whose sums are computed before the first one is read. Sums are written in shorter pieces than
# they are read in; reading them at once would stall on store forwarding.
ROWS = 8
_1 = np.uint64(0x5555555555555555)
_2 = np.uint64(0x3333333333333333)
_4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_8 = np.uint64(0x0101010101010101)


@jit()
def _ones(x: np.uint64) -> np.uint64:
    # The compiler recognizes this form and emits the population count instruction.
    x = x - ((x >> np.uint64(1)) & _1)
    x = (x & _2) + ((x >> np.uint64(2)) & _2)
    x = (x + (x >> np.uint64(4))) & _4
    return (x * _8) >> np.uint64(56)


@jit()
def _count(x: Array, tile: Array, acc: Array) -> None:
    # Add the counts of common bits of an input's words and the tile's words, lane by lane.
    lanes = 2 * FEATURES
    for w in range(0, WORDS, 8):
        x0, x1, x2, x3 = x[w], x[w + 1], x[w + 2], x[w + 3]
        x4, x5, x6, x7 = x[w + 4], x[w + 5], x[w + 6], x[w + 7]
        t = tile[w * lanes : (w + 8) * lanes]
        for i in range(lanes):
            acc[i] += (
                _ones(x0 & t[i])
                + _ones(x1 & t[i + lanes])
                + _ones(x2 & t[i + 2 * lanes])
                + _ones(x3 & t[i + 3 * lanes])
                + _ones(x4 & t[i + 4 * lanes])
                + _ones(x5 & t[i + 5 * lanes])
                + _ones(x6 & t[i + 6 * lanes])
                + _ones(x7 & t[i + 7 * lanes])
            )


@jit()
def _draw(tile: Array, keys: Array, starts: tuple[int, int], top: int, words: int) -> None:
    # Word ``top + w`` of the features from ``starts`` on, for both halves of the lanes.
    left, right = keys[0], keys[1]
    for w in range(WORDS):
        re = tile[2 * w * FEATURES : (2 * w + 1) * FEATURES]
        im = tile[(2 * w + 1) * FEATURES : (2 * w + 2) * FEATURES]
        for i in range(FEATURES):
            re[i] = _word(left, np.uint64((starts[0] + i) * words + top + w + 1))
            im[i] = _word(right, np.uint64((starts[1] + i) * words + top + w + 1))


@jit()
def binary_rows(
    inputs: Array,
    words: int,
    keys: Array,
    weight: float,
    constant: float,
    real: bool,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    r"""Multiply binary rows by entries of four phases, or of two signs, and apply the response.

    A set bit of the matrix represents -1: a sum is the number of set inputs less twice the number
    in common with the matrix.

    Parameters
    ----------
    inputs
        Shape (n, W), unsigned, zero padded, W a multiple of 16.
    words
        Words of inputs per row; feature j has the counters from ``j * words + 1`` on.
    keys
        Keys of the real signs, the imaginary ones, and both of the constant input.
    weight, constant
        Weight of a set bit and of the constant input in each part.
    real
        Whether the matrix is real: the second half of the lanes then has further features.
    kind, exponent, factor, out
        As for ``structured_rows``; for CENTRED ``exponent`` multiplies the squared input length.
    """
    n, m = out.shape
    n_projections = m // 2 if kind == PHASE else m
    t = out.dtype.type
    set_weight, bias = t(weight), t(constant)
    lanes = 2 * FEATURES
    per_pass = lanes if real else FEATURES
    tile = np.empty(lanes * WORDS, np.uint64)
    counts = np.empty((n, lanes), np.uint64)
    signs, zeros = np.empty(lanes, out.dtype), np.zeros(lanes, out.dtype)
    sums = np.empty((ROWS, lanes), out.dtype)
    planes = np.array([keys[0], keys[0] if real else keys[1]])
    set_bits = np.zeros(n, np.int64)
    for row in range(n):
        for w in range(words):
            set_bits[row] += np.int64(_ones(inputs[row, w]))
    for start in range(0, n_projections, per_pass):
        starts = start, start + per_pass - FEATURES
        counts[:] = 0
        for top in range(0, words, WORDS):
            _draw(tile, planes, starts, top, words)
            for row in range(n):
                _count(inputs[row, top : top + WORDS], tile, counts[row])
        for i in range(lanes):
            half, column = i // FEATURES, i % FEATURES
            word = _word(keys[2], np.uint64(starts[half] + column + 1))
            bit = np.uint64(62 if half and not real else 63)
            signs[i] = -bias if ((word >> bit) & np.uint64(1)) == np.uint64(1) else bias
        count = min(per_pass, n_projections - start)
        for above in range(0, n, ROWS):
            rows = range(above, min(above + ROWS, n))
            for row in rows:
                total = set_bits[row]
                to = sums[row - above]
                for i in range(lanes):
                    to[i] = set_weight * t(total - 2 * np.int64(counts[row, i])) + signs[i]
            for row in rows:
                re = sums[row - above]
                im = zeros if real else re[FEATURES:]
                offset = 0.0
                if kind == CENTRED:
                    parts = 1.0 if real else 2.0
                    size = weight * weight * set_bits[row] + constant * constant
                    offset = parts * exponent * size
                _respond(re, im, out[row], start, count, kind, exponent, factor, offset)
