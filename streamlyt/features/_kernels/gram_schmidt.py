"""Compiled Gram-Schmidt orthogonalization of columns."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["orthogonalise"]

STRIP = 32  # columns per pass: with a thousand rows they fit a low-level cache


@jit()
def _project_out(strip: Array, direction: Array, products: Array, start: int) -> None:
    # Remove the component along a direction from the columns of a strip, from ``start`` on. Strip
    # (parts, d, STRIP), direction (parts, d), products (parts, STRIP). Flat loops over columns use
    # vector instructions without changing the order of the sums.
    products[:] = 0.0
    d = direction.shape[1]
    if strip.shape[0] == 1:
        sums = products[0]
        for row in range(d):
            x, z = direction[0, row], strip[0, row]
            for j in range(start, STRIP):
                sums[j] += x * z[j]
        for row in range(d):
            x, z = direction[0, row], strip[0, row]
            for j in range(start, STRIP):
                z[j] -= x * sums[j]
        return
    re, im = products[0], products[1]
    for row in range(d):
        x, y, z, w = direction[0, row], direction[1, row], strip[0, row], strip[1, row]
        for j in range(start, STRIP):
            re[j] += x * z[j] + y * w[j]
            im[j] += x * w[j] - y * z[j]
    for row in range(d):
        x, y, z, w = direction[0, row], direction[1, row], strip[0, row], strip[1, row]
        for j in range(start, STRIP):
            z[j] -= x * re[j] - y * im[j]
            w[j] -= x * im[j] + y * re[j]


@jit()
def orthogonalise(columns: Array) -> None:
    """Orthonormalize columns in place, in a fixed order (Gram-Schmidt).

    Independent normals, real or complex, give the uniform (Haar) distribution.

    Parameters
    ----------
    columns
        Shape (1, d, k) for real columns, k at most d; (2, d, k) for the parts of complex ones.
    """
    parts, d, k = columns.shape
    done = np.empty((k, parts, d))
    strip = np.zeros((parts, d, STRIP))
    products = np.empty((parts, STRIP))
    for first in range(0, k, STRIP):
        count = min(STRIP, k - first)
        strip[:, :, :count] = columns[:, :, first : first + count]
        for i in range(first):
            _project_out(strip, done[i], products, 0)
        for i in range(count):
            square = 0.0
            for row in range(d):
                for part in range(parts):
                    square += strip[part, row, i] * strip[part, row, i]
            length = math.sqrt(square)
            for part in range(parts):
                for row in range(d):
                    done[first + i, part, row] = strip[part, row, i] / length
            _project_out(strip, done[first + i], products, i + 1)
        for i in range(count):
            columns[:, :, first + i] = done[first + i]
