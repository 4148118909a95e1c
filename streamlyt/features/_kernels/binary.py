"""The compiled loop of 1-bit inputs times a 1-bit matrix that is drawn on the way, never stored."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

from .response import CENTRED, PHASE, _respond
from .streamed_matrix import _word

__all__ = ["binary_rows"]

FEATURES = 64  # features whose counts are kept together
WORDS = 16  # words of an input and of the matrix at a time: a tile of two planes has 16 kB
# Rows whose sums are made before the first one is read: they are written in shorter pieces than
# they are read in, and what is still on its way to the cache has to be waited for then.
ROWS = 8
_1 = np.uint64(0x5555555555555555)
_2 = np.uint64(0x3333333333333333)
_4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_8 = np.uint64(0x0101010101010101)


@jit()
def _ones(x: np.uint64) -> np.uint64:
    # The compiler knows this form and puts the machine's own instruction in its place.
    x = x - ((x >> np.uint64(1)) & _1)
    x = (x & _2) + ((x >> np.uint64(2)) & _2)
    x = (x + (x >> np.uint64(4))) & _4
    return (x * _8) >> np.uint64(56)


@jit()
def _count(x: Array, tile: Array, acc: Array) -> None:
    # Add the bits common to an input's words and to the words of the tile, lane by lane.
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
    # Word ``top + w`` of the features from ``starts`` on, one half of the lanes after the other.
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
    r"""Multiply rows of bits by entries of four phases, or of two signs, then respond.

    A set bit of the matrix stands for -1: a sum is that of the inputs less twice what they have in
    common with the matrix.

    Parameters
    ----------
    inputs
        Shape (n, W), unsigned, zeros behind the bits and a W that is a multiple of 16.
    words
        Words of a row that hold inputs; feature j has the counters from ``j * words + 1`` on.
    keys
        Of the real signs, the imaginary ones, and both of the constant input.
    weight, constant
        What a set bit and the constant input count in each part.
    real
        Whether there are real parts only: the second half of the lanes then has further features.
    kind, exponent, factor, out
        As for ``structured_rows``; for CENTRED ``exponent`` is on the squared length of the input.
    """
    n, m = out.shape
    wanted = m // 2 if kind == PHASE else m
    t = out.dtype.type
    on, always = t(weight), t(constant)
    lanes = 2 * FEATURES
    together = lanes if real else FEATURES
    tile = np.empty(lanes * WORDS, np.uint64)
    counts = np.empty((n, lanes), np.uint64)
    signs, none = np.empty(lanes, out.dtype), np.zeros(lanes, out.dtype)
    sums = np.empty((ROWS, lanes), out.dtype)
    planes = np.array([keys[0], keys[0] if real else keys[1]])
    set_bits = np.zeros(n, np.int64)
    for row in range(n):
        for w in range(words):
            set_bits[row] += np.int64(_ones(inputs[row, w]))
    for start in range(0, wanted, together):
        starts = start, start + together - FEATURES
        counts[:] = 0
        for top in range(0, words, WORDS):
            _draw(tile, planes, starts, top, words)
            for row in range(n):
                _count(inputs[row, top : top + WORDS], tile, counts[row])
        for i in range(lanes):
            half, place = i // FEATURES, i % FEATURES
            word = _word(keys[2], np.uint64(starts[half] + place + 1))
            bit = np.uint64(62 if half and not real else 63)
            signs[i] = -always if ((word >> bit) & np.uint64(1)) == np.uint64(1) else always
        count = min(together, wanted - start)
        for above in range(0, n, ROWS):
            some = range(above, min(above + ROWS, n))
            for row in some:
                total = set_bits[row]
                to = sums[row - above]
                for i in range(lanes):
                    to[i] = on * t(total - 2 * np.int64(counts[row, i])) + signs[i]
            for row in some:
                re = sums[row - above]
                im = none if real else re[FEATURES:]
                offset = 0.0
                if kind == CENTRED:
                    parts = 1.0 if real else 2.0
                    size = weight * weight * set_bits[row] + constant * constant
                    offset = parts * exponent * size
                _respond(re, im, out[row], start, count, kind, exponent, factor, offset)
