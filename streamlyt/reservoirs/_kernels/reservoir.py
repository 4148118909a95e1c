"""Compiled loops of the reservoirs: steps, activations, delays, readout.

Rows are processed one by one in a fixed order, so results are batch-invariant. The transforms are
those of the feature maps: clear the numba cache after a change there.
"""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import hadamard_transform
from streamlyt.core.numerics.jit import jit

__all__ = [
    "ACTIVATIONS",
    "delay_rows",
    "dense_steps",
    "read_rows",
    "sparse_steps",
    "structured_steps",
]

ACTIVATIONS = ("tanh", "erf", "cos", "relu", "sign", "heaviside")
_TANH, _ERF, _COS, _RELU, _SIGN, _HEAVISIDE = range(6)


@jit()
def _tanh(a: Array) -> None:
    # (1 - e) / (1 + e), e = exp(-2 |x|) = 2**p; the integer part of p sets the exponent bits,
    # the remainder goes to a Taylor polynomial on [-ln(2)/2, ln(2)/2]. All steps vectorize.
    t = a.dtype.type
    if a.itemsize == 8:
        for i in range(a.size):
            p = max(-2.8853900817779268 * abs(a[i]), -1000.0)
            whole = (p + 6755399441055744.0) - 6755399441055744.0
            x = (p - whole) * 0.6931471805599453
            y = 1.0 / 479001600.0
            y = y * x + 1.0 / 39916800.0
            y = y * x + 1.0 / 3628800.0
            y = y * x + 1.0 / 362880.0
            y = y * x + 1.0 / 40320.0
            y = y * x + 1.0 / 5040.0
            y = y * x + 1.0 / 720.0
            y = y * x + 1.0 / 120.0
            y = y * x + 1.0 / 24.0
            y = y * x + 1.0 / 6.0
            y = ((y * x + 0.5) * x + 1.0) * x + 1.0
            bits = np.int64((np.int64(whole) + np.int64(1023)) << np.int64(52))
            e = y * bits.view(np.float64)
            a[i] = math.copysign((1.0 - e) / (1.0 + e), a[i])
        return
    big = t(12582912.0)
    for i in range(a.size):
        p = max(t(-2.8853900817779268) * abs(a[i]), t(-126.0))
        whole = (p + big) - big
        x = (p - whole) * t(0.6931471805599453)
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
        word = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
        e = y * word.view(np.float32)
        r = (t(1.0) - e) / (t(1.0) + e)
        a[i] = r if a[i] >= 0 else -r


@jit()
def _activate(a: Array, kind: int) -> None:
    # The only place that maps the preactivation of a node to its activation.
    t = a.dtype.type
    if kind == _TANH:
        _tanh(a)
    elif kind == _ERF:
        for i in range(a.size):
            a[i] = math.erf(a[i])
    elif kind == _COS:
        for i in range(a.size):
            a[i] = math.cos(a[i])
    elif kind == _RELU:
        for i in range(a.size):
            a[i] = max(a[i], t(0.0))
    elif kind == _SIGN:
        for i in range(a.size):
            a[i] = t(1.0) if a[i] >= 0 else t(-1.0)
    else:
        for i in range(a.size):
            a[i] = t(1.0) if a[i] >= 0 else t(0.0)


@jit()
def _leak(x: Array, new: Array, leak: float) -> None:
    if leak == 1.0:
        x[:] = new[: x.size]
    else:
        taken = x.dtype.type(leak)
        for i in range(x.size):
            x[i] += taken * (new[i] - x[i])


@jit()
def structured_steps(
    states: Array, inputs: Array, tables: Array, bias: Array, kind: int, leak: float, out: Array
) -> None:
    """Step reservoirs whose weights are three transforms, each preceded by signs.

    Parameters
    ----------
    states
        Shape (lanes, N), one reservoir per lane; overwritten.
    inputs
        Shape (n, lanes, w).
    tables
        Shape (3, M), M a power of two of at least N + w: factors before each transform, first
        of the nodes, then of the inputs, including all scales.
    bias
        Shape (N,).
    kind, leak
        Index in ACTIVATIONS; fraction of a state that is replaced.
    out
        Shape (n, lanes, N).
    """
    lanes, nodes = states.shape
    width = inputs.shape[2]
    m = tables.shape[1]
    stages = 0
    while (1 << stages) < m:
        stages += 1
    buffers = np.empty((2, m), states.dtype)
    for row in range(inputs.shape[0]):
        for lane in range(lanes):
            x = states[lane]
            a, b = buffers[0], buffers[1]
            first = tables[0]
            for i in range(nodes):
                a[i] = x[i] * first[i]
            for i in range(width):
                a[nodes + i] = inputs[row, lane, i] * first[nodes + i]
            a[nodes + width :] = 0
            for turn in range(1, 3):
                y = hadamard_transform(a, b, stages)
                table = tables[turn]
                for i in range(m):
                    a[i] = y[i] * table[i]
            y = hadamard_transform(a, b, stages)[:nodes]
            for i in range(nodes):
                y[i] += bias[i]
            _activate(y, kind)
            _leak(x, y, leak)
            out[row, lane] = x


@jit()
def dense_steps(
    states: Array,
    inputs: Array,
    recurrent: Array,
    feed: Array,
    bias: Array,
    kind: int,
    leak: float,
    out: Array,
) -> None:
    """Like ``structured_steps``, with matrices (N, N) and (N, w)."""
    for row in range(inputs.shape[0]):
        for lane in range(states.shape[0]):
            x = states[lane]
            y = np.dot(recurrent, x)
            for i in range(y.size):
                total = y[i] + bias[i]
                for j in range(feed.shape[1]):
                    total += feed[i, j] * inputs[row, lane, j]
                y[i] = total
            _activate(y, kind)
            _leak(x, y, leak)
            out[row, lane] = x


@jit()
def sparse_steps(
    states: Array,
    inputs: Array,
    columns: Array,
    weights: Array,
    feed: Array,
    bias: Array,
    kind: int,
    leak: float,
    out: Array,
) -> None:
    """Like ``structured_steps``, with k weights (N, k) per node, from nodes ``columns``."""
    y = np.empty(states.shape[1], states.dtype)
    for row in range(inputs.shape[0]):
        for lane in range(states.shape[0]):
            x = states[lane]
            for i in range(y.size):
                total = bias[i]
                for k in range(columns.shape[1]):
                    total += weights[i, k] * x[columns[i, k]]
                for j in range(feed.shape[1]):
                    total += feed[i, j] * inputs[row, lane, j]
                y[i] = total
            _activate(y, kind)
            _leak(x, y, leak)
            out[row, lane] = x


@jit()
def delay_rows(
    memory: Array, inputs: Array, skip: int, parents: Array, factors: Array, out: Array
) -> None:
    """Multiply values of an input row and of previous rows.

    Parameters
    ----------
    memory
        Shape (lanes, (delays - 1) * skip, w): the last rows, newest first; overwritten.
    inputs
        Shape (n, lanes, w).
    skip
        Rows from one delay to the next.
    parents, factors
        Shape (F,): product i is product ``parents[i]`` (none if negative) times the delayed
        input ``factors[i]``, counted through the rows, the newest first.
    out
        Shape (n, lanes, F).
    """
    kept, width = memory.shape[1:]
    delays = 1 + (kept // skip if skip else 0)
    line = np.empty(delays * width, inputs.dtype)
    for row in range(inputs.shape[0]):
        for lane in range(memory.shape[0]):
            past = memory[lane]
            line[:width] = inputs[row, lane]
            for delay in range(1, delays):
                line[delay * width : (delay + 1) * width] = past[delay * skip - 1]
            for back in range(kept - 1, 0, -1):
                past[back] = past[back - 1]
            if kept:
                past[0] = inputs[row, lane]
            to = out[row, lane]
            for i in range(parents.size):
                before = to[parents[i]] if parents[i] >= 0 else 1.0
                to[i] = before * line[factors[i]]


# Sums may be reordered: vector lanes are summed separately, in an order that depends only on the
# length. No other flag is set, and NaN stays NaN.
@jit(fastmath={"reassoc", "contract"})
def read_rows(features: Array, weights: Array, out: Array) -> None:
    """Multiply features (r, F) by weights (p, F) into out (r, p), row by row."""
    for row in range(features.shape[0]):
        f = features[row]
        for j in range(weights.shape[0]):
            w = weights[j]
            total = 0.0
            for i in range(f.size):
                total += f[i] * w[i]
            out[row, j] = total
