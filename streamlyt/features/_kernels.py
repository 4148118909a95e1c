"""The compiled loops of the feature maps: projections, structured or dense.

No loop depends on how many rows come at once, and no flag lets the compiler reorder or fuse
arithmetic: a row has the same features, bit for bit, in any batch.
"""

import numpy as np

from streamlyt._compile import compiled
from streamlyt.base import Array

from ._kernels_response import COSINES, PHASE, _offset, _respond

__all__ = ["GROUP", "PANEL", "QUAD", "dense_rows", "structured_rows", "weigh_rows"]

# Values transformed at a time: two planes, their partners and two tables stay in 48 kB of cache.
GROUP = 2048
# Columns of the dense matrix stored side by side (a constant, so that the compiler knows all
# distances and vectorises without run-time checks), and rows that share a reading of them.
PANEL = 128
QUAD = 4


@compiled()
def _transform(a: Array, b: Array, stages: int) -> Array:
    # Walsh-Hadamard transform of the lowest bits of the index, which end as its highest; a and b
    # are overwritten, one of them is returned. Unlike the transform in place, each stage is one
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


@compiled()
def _butterfly_back(a: Array, b: Array) -> None:
    half = a.size // 2
    for i in range(half):
        x = a[i]
        y = a[half + i]
        b[2 * i] = x + y
        b[2 * i + 1] = x - y


@compiled()
def _transform_back(a: Array, b: Array, stages: int) -> Array:
    # The same of the highest bits, which end as the lowest. Written with two calls, since the
    # compiler vectorises this store only while it sees that a and b are two arrays.
    for stage in range(stages):
        if stage % 2:
            _butterfly_back(b, a)
        else:
            _butterfly_back(a, b)
    return b if stages % 2 else a


@compiled()
def weigh_rows(values: Array, weights: Array, constant: float, inputs: Array) -> int:
    """Copy rows times their weights, the constant input behind them and zeros behind that.

    Returns the number of the first row that is not finite in the type of the inputs (what is too
    large for single precision becomes inf), -1 where there is none.

    Parameters
    ----------
    values
        Shape (n, d).
    weights
        Shape (d,), or (1,) for one weight of all.
    constant
        The further input; none where it is zero.
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
            finite &= abs(to[j]) < np.inf  # no branch, so that it runs in vectors
        if not finite:
            return row
        for j in range(d, to.size):
            to[j] = 0
        if constant:
            to[d] = t(constant)
    return -1


@compiled()
def _fill(x: Array, table: Array, out: Array) -> None:
    # Each block of the table times x.
    width = x.size
    for start in range(0, table.size, width):
        block = table[start : start + width]
        to = out[start : start + width]
        for j in range(width):
            to[j] = x[j] * block[j]


@compiled()
def structured_rows(
    inputs: Array,
    first: Array,
    second: Array,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Transform rows, multiply by tables, transform again, respond.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two, signs applied; overwritten with its transform.
    first, second
        Shape (blocks * D,). Optical: real and imaginary part of the phases, block by block; the
        second one empty where U is real. Cosines: the signs before the second and before the
        third transform.
    kind, exponent, factor
        Response; its exponent for POWER, for CENTRED how many squared lengths of the input row
        are taken off; a factor on every feature.
    out
        Shape (n, m), m at most blocks * D (twice that for COSINES and PHASE).
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    wanted = out.shape[1] // 2 if kind in (COSINES, PHASE) else out.shape[1]
    size = max(width, GROUP)
    buffers = np.empty((4, size), inputs.dtype)
    a, b, c, d = buffers[0], buffers[1], buffers[2], buffers[3]
    if not second.size:
        c[:] = 0
    offsets = np.empty(n)
    for row in range(n):
        offsets[row] = _offset(inputs[row], kind, exponent)
        inputs[row] = _transform(inputs[row], b[:width], stages)
    for start in range(0, first.size, size):
        length = min(size, first.size - start)
        for row in range(n):
            _fill(inputs[row], first[start : start + length], a)
            re = _transform(a[:length], b[:length], stages)
            if kind == COSINES:
                _fill(re, second[start : start + length], c)
                re = _transform_back(c[:length], d[:length], stages)
                im = re
            elif not second.size:
                im = c
            else:
                _fill(inputs[row], second[start : start + length], c)
                im = _transform(c[:length], d[:length], stages)
            count = min(length, wanted - start)
            _respond(re, im, out[row], start, count, kind, exponent, factor, offsets[row])


@compiled()
def _multiply(x: Array, panel: Array, acc: Array) -> None:
    # Add up to QUAD rows times one panel; x (rows, K), K a multiple of four, panel (K * PANEL,).
    for k in range(0, x.shape[1], 4):
        w = panel[k * PANEL : (k + 4) * PANEL]
        for r in range(x.shape[0]):
            x0, x1, x2, x3 = x[r, k], x[r, k + 1], x[r, k + 2], x[r, k + 3]
            to = acc[r * PANEL : (r + 1) * PANEL]
            for i in range(PANEL):
                to[i] = (
                    ((to[i] + x0 * w[i]) + x1 * w[i + PANEL]) + x2 * w[i + 2 * PANEL]
                ) + x3 * w[i + 3 * PANEL]


@compiled()
def dense_rows(
    inputs: Array,
    first: Array,
    second: Array,
    kind: int,
    exponent: float,
    factor: float,
    out: Array,
) -> None:
    """Multiply rows by a matrix held in memory, then respond.

    Parameters
    ----------
    inputs
        Shape (n, K), padded with zeros to a K that is a multiple of four.
    first, second
        Shape (panels, K * PANEL): real and imaginary part of the matrix, the second one empty
        where it is real.
    kind, exponent, factor, out
        As for ``structured_rows``.
    """
    n, m = out.shape
    wanted = m // 2 if kind in (COSINES, PHASE) else m
    re = np.empty(QUAD * PANEL, inputs.dtype)
    im = np.zeros(QUAD * PANEL, inputs.dtype)
    for p in range(first.shape[0]):
        start = p * PANEL
        count = min(PANEL, wanted - start)
        for top in range(0, n, QUAD):
            x = inputs[top : min(top + QUAD, n)]
            re[:] = 0
            _multiply(x, first[p], re)
            if second.size:
                im[:] = 0
                _multiply(x, second[p], im)
            for r in range(min(QUAD, n - top)):
                at = r * PANEL
                _respond(
                    re[at : at + PANEL],
                    im[at : at + PANEL],
                    out[top + r],
                    start,
                    count,
                    kind,
                    exponent,
                    factor,
                    _offset(x[r], kind, exponent),
                )
