"""Compiled loops of the feature maps: structured and dense projections.

No loop depends on the batch size, and no flag lets the compiler reorder or fuse arithmetic: the
features of a row are bit-identical in any batch.
"""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import GROUP, transform_bits, transform_bits_back
from streamlyt.core.numerics.jit import jit

from .response import COSINES, PHASE, _offset, _respond

__all__ = ["PANEL", "QUAD", "dense_rows", "structured_rows", "weigh_rows"]

# Columns of the dense matrix stored side by side (a constant, so that the compiler knows all
# distances and vectorizes without run-time checks), and rows that share one read of them.
PANEL = 128


QUAD = 4


@jit()
def weigh_rows(values: Array, weights: Array, constant: float, inputs: Array) -> int:
    """Copy weighted rows, append the constant input and pad with zeros.

    Returns the index of the first row that is not finite in the type of the inputs (values too
    large for single precision become inf), or -1.

    Parameters
    ----------
    values
        Shape (n, d).
    weights
        Shape (d,), or (1,) for a common weight.
    constant
        The additional constant input; none if zero.
    inputs
        Shape (n, D), D at least d, and one more with a constant: overwritten.
    """
    n, d = values.shape
    t = inputs.dtype.type
    for row in range(n):
        x = values[row]
        to = inputs[row]
        if weights.size == 1:
            weight = weights[0]
            for j in range(d):
                to[j] = t(x[j] * weight)
        else:
            for j in range(d):
                to[j] = t(x[j] * weights[j])
        finite = True
        for j in range(d):
            finite &= abs(to[j]) < np.inf  # no branch, so that the loop vectorizes
        if not finite:
            return row
        for j in range(d, to.size):
            to[j] = 0
        if constant:
            to[d] = t(constant)
    return -1


@jit()
def _fill(x: Array, table: Array, out: Array) -> None:
    # Multiply each block of the table by x.
    width = x.size
    for start in range(0, table.size, width):
        block = table[start : start + width]
        to = out[start : start + width]
        for j in range(width):
            to[j] = x[j] * block[j]


@jit()
def structured_rows(
    inputs: Array,
    first: Array,
    second: Array,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Transform rows, multiply by tables, transform again, and apply the response.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two, signs applied; overwritten with its transform.
    first, second
        Shape (blocks * D,). Optical: real and imaginary part of the phases, block by block; the
        second one empty if U is real. Cosines: the signs before the second and before the
        third transform.
    kind, exponent, factor
        Response; its exponent for POWER, for CENTRED the multiple of the squared input length to
        subtract; factor on every feature.
    out
        Shape (n, m), m at most blocks * D (twice that for COSINES and PHASE).
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    n_projections = out.shape[1] // 2 if kind in (COSINES, PHASE) else out.shape[1]
    size = max(width, GROUP)
    buffers = np.empty((4, size), inputs.dtype)
    a, b, c, d = buffers[0], buffers[1], buffers[2], buffers[3]
    if not second.size:
        c[:] = 0
    offsets = np.empty(n)
    for row in range(n):
        offsets[row] = _offset(inputs[row], kind, exponent)
        inputs[row] = transform_bits(inputs[row], b[:width], stages)
    for start in range(0, first.size, size):
        length = min(size, first.size - start)
        for row in range(n):
            _fill(inputs[row], first[start : start + length], a)
            re = transform_bits(a[:length], b[:length], stages)
            if kind == COSINES:
                _fill(re, second[start : start + length], c)
                re = transform_bits_back(c[:length], d[:length], stages)
                im = re
            elif not second.size:
                im = c
            else:
                _fill(inputs[row], second[start : start + length], c)
                im = transform_bits(c[:length], d[:length], stages)
            count = min(length, n_projections - start)
            _respond(re, im, out[row], start, count, kind, exponent, factor, offsets[row])


@jit()
def _multiply(x: Array, panel: Array, acc: Array) -> None:
    # Add at most QUAD rows times one panel; x (rows, K), K a multiple of 4, panel (K * PANEL,).
    for k in range(0, x.shape[1], 4):
        w = panel[k * PANEL : (k + 4) * PANEL]
        for r in range(x.shape[0]):
            x0, x1, x2, x3 = x[r, k], x[r, k + 1], x[r, k + 2], x[r, k + 3]
            to = acc[r * PANEL : (r + 1) * PANEL]
            for i in range(PANEL):
                to[i] = (
                    ((to[i] + x0 * w[i]) + x1 * w[i + PANEL]) + x2 * w[i + 2 * PANEL]
                ) + x3 * w[i + 3 * PANEL]


@jit()
def dense_rows(
    inputs: Array,
    first: Array,
    second: Array,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Multiply rows by a matrix in memory, and apply the response.

    Parameters
    ----------
    inputs
        Shape (n, K), zero padded, K a multiple of four.
    first, second
        Shape (panels, K * PANEL): real and imaginary part of the matrix, the second one empty if
        it is real.
    kind, exponent, factor, out
        As for ``structured_rows``.
    """
    n, m = out.shape
    n_projections = m // 2 if kind in (COSINES, PHASE) else m
    re = np.empty(QUAD * PANEL, inputs.dtype)
    im = np.zeros(QUAD * PANEL, inputs.dtype)
    for p in range(first.shape[0]):
        start = p * PANEL
        count = min(PANEL, n_projections - start)
        for top in range(0, n, QUAD):
            x = inputs[top : min(top + QUAD, n)]
            re[:] = 0
            _multiply(x, first[p], re)
            if second.size:
                im[:] = 0
                _multiply(x, second[p], im)
            for r in range(min(QUAD, n - top)):
                offset = r * PANEL
                _respond(
                    re[offset : offset + PANEL],
                    im[offset : offset + PANEL],
                    out[top + r],
                    start,
                    count,
                    kind,
                    exponent,
                    factor,
                    _offset(x[r], kind, exponent),
                )
