"""The compiled loop that makes columns orthogonal."""

import math

import numpy as np

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["orthogonalise"]

STRIP = 32  # columns that are worked on together: of a thousand rows they fit a near cache


@jit()
def _take_off(strip: Array, own: Array, products: Array, start: int) -> None:
    # The columns of a strip from ``start`` on lose their part along a direction. Strip (parts, d,
    # STRIP), own (parts, d), products (parts, STRIP). Flat loops over columns: vectors of the
    # machine without another order of the sums.
    products[:] = 0.0
    d = own.shape[1]
    if strip.shape[0] == 1:
        sums = products[0]
        for row in range(d):
            x, z = own[0, row], strip[0, row]
            for j in range(start, STRIP):
                sums[j] += x * z[j]
        for row in range(d):
            x, z = own[0, row], strip[0, row]
            for j in range(start, STRIP):
                z[j] -= x * sums[j]
        return
    re, im = products[0], products[1]
    for row in range(d):
        x, y, z, w = own[0, row], own[1, row], strip[0, row], strip[1, row]
        for j in range(start, STRIP):
            re[j] += x * z[j] + y * w[j]
            im[j] += x * w[j] - y * z[j]
    for row in range(d):
        x, y, z, w = own[0, row], own[1, row], strip[0, row], strip[1, row]
        for j in range(start, STRIP):
            z[j] -= x * re[j] - y * im[j]
            w[j] -= x * im[j] + y * re[j]


@jit()
def orthogonalise(columns: Array) -> None:
    """Make columns orthogonal and of length one, in place, in fixed order (Gram and Schmidt).

    Of independent normals, real or complex, this gives the uniform (Haar) distribution.

    Parameters
    ----------
    columns
        Shape (1, d, k) of real columns, k at most d; (2, d, k) of the parts of complex ones.
    """
    parts, d, k = columns.shape
    done = np.empty((k, parts, d))
    strip = np.zeros((parts, d, STRIP))
    products = np.empty((parts, STRIP))
    for first in range(0, k, STRIP):
        count = min(STRIP, k - first)
        strip[:, :, :count] = columns[:, :, first : first + count]
        for i in range(first):
            _take_off(strip, done[i], products, 0)
        for i in range(count):
            square = 0.0
            for row in range(d):
                for part in range(parts):
                    square += strip[part, row, i] * strip[part, row, i]
            length = math.sqrt(square)
            for part in range(parts):
                for row in range(d):
                    done[first + i, part, row] = strip[part, row, i] / length
            _take_off(strip, done[first + i], products, i + 1)
        for i in range(count):
            columns[:, :, first + i] = done[first + i]
