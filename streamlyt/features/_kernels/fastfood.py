"""Compiled loop of FastfoodMap."""

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import GROUP, transform_bits
from streamlyt.core.numerics.jit import jit

from .response import COSINES, _respond

__all__ = ["fastfood_rows"]


@jit()
def fastfood_rows(
    inputs: Array, order: Array, first: Array, second: Array, factor: float, out: Array
) -> None:
    """Transform rows; per block permute, multiply, transform, multiply; then cosines and sines.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two, signs applied; overwritten with its transform.
    order
        Input index at each position of a block, shape (blocks * D,).
    first, second
        Factors before the transform, by position, and after it, shape (blocks * D,).
    factor
        Factor on every feature.
    out
        Shape (n, m), m at most 2 * blocks * D.
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    n_projections = out.shape[1] // 2
    size = max(width, GROUP)
    a, b = np.empty(size, inputs.dtype), np.empty(size, inputs.dtype)
    for row in range(n):
        inputs[row] = transform_bits(inputs[row], b[:width], stages)
    for start in range(0, first.size, size):
        length = min(size, first.size - start)
        for row in range(n):
            x = inputs[row]
            for i in range(length):
                a[i] = x[order[start + i]] * first[start + i]
            z = transform_bits(a[:length], b[:length], stages)
            for i in range(length):
                z[i] *= second[start + i]
            count = min(length, n_projections - start)
            _respond(z, z, out[row], start, count, COSINES, 0.0, factor, 0.0)
