"""The compiled loops of FastFood, and of making rows orthogonal."""

import math

import numpy as np

from streamlyt._compile import compiled
from streamlyt.base import Array

from ._kernels import COSINES, GROUP, _respond, _transform

__all__ = ["fastfood_rows", "orthogonalise"]


@compiled()
def fastfood_rows(
    inputs: Array, order: Array, first: Array, second: Array, factor: float, out: Array
) -> None:
    """Transform rows; for each block permute, multiply, transform, multiply; then waves.

    Parameters
    ----------
    inputs
        Shape (n, D), D a power of two, signs applied; overwritten with its transform.
    order
        Shape (blocks * D,): which input stands at each place of a block.
    first, second
        Shape (blocks * D,): before the transform, in the order of the places; after it.
    factor
        On every feature.
    out
        Shape (n, m), m at most 2 * blocks * D.
    """
    n, width = inputs.shape
    stages = 0
    while (1 << stages) < width:
        stages += 1
    wanted = out.shape[1] // 2
    size = max(width, GROUP)
    a, b = np.empty(size, inputs.dtype), np.empty(size, inputs.dtype)
    for row in range(n):
        inputs[row] = _transform(inputs[row], b[:width], stages)
    for start in range(0, first.size, size):
        length = min(size, first.size - start)
        for row in range(n):
            x = inputs[row]
            for i in range(length):
                a[i] = x[order[start + i]] * first[start + i]
            z = _transform(a[:length], b[:length], stages)
            for i in range(length):
                z[i] *= second[start + i]
            count = min(length, wanted - start)
            _respond(z, z, out[row], start, count, COSINES, 0.0, factor, 0.0)


@compiled()
def orthogonalise(columns: Array) -> None:
    """Make the columns of a square matrix orthogonal and of length one, in place, in fixed order.

    Modified Gram and Schmidt, twice where much is lost: of independent normals this gives the
    uniform (Haar) distribution.
    """
    d = columns.shape[0]
    products = np.empty(d)
    for i in range(d):
        square = 0.0
        for k in range(d):
            square += columns[k, i] * columns[k, i]
        length = math.sqrt(square)
        for k in range(d):
            columns[k, i] /= length
        # The others lose their part along this one. Flat loops over columns: vectors of the
        # machine without another order of the sums.
        products[:] = 0.0
        for k in range(d):
            own = columns[k, i]
            for j in range(i + 1, d):
                products[j] += own * columns[k, j]
        for k in range(d):
            own = columns[k, i]
            for j in range(i + 1, d):
                columns[k, j] -= own * products[j]
