"""Walsh-Hadamard transform for any array library: by ordered sums, or by matrix products.

The sums are bit-identical with every library, processor, number of threads and number of columns,
since only sums of two numbers are rounded. The products are fast on a GPU; their last bits depend
on the library.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamlyt.core import Array

__all__ = ["by_products", "by_sums", "factors"]

_LARGEST_FACTOR = 7  # bits of one matrix of a transform
_STAGES = 3  # stages per pass, so that values are copied once in three stages


def by_sums(xp: Any, x: Any) -> Any:
    """Return the transform of each column of ``x``, shape (2^p, k), by sums and differences.

    The stages process the bits of the row index from the lowest on, several per pass.

    Examples
    --------
    >>> by_sums(np, np.eye(4)).astype(int).tolist()
    [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]
    """
    shape = tuple(x.shape)
    bits, run = shape[0].bit_length() - 1, shape[1]
    while bits:
        stages = min(bits, _STAGES)
        x = xp.reshape(x, (-1, 1 << stages, run))
        parts = [x[:, i, :] for i in range(1 << stages)]
        for _ in range(stages):
            pairs = list(zip(parts[0::2], parts[1::2], strict=True))
            parts = [a + b for a, b in pairs] + [a - b for a, b in pairs]
        x = xp.stack(parts, axis=1)
        bits, run = bits - stages, run << stages
    return xp.reshape(x, shape)


def by_products(xp: Any, x: Any, matrices: Sequence[Any]) -> Any:
    """Multiply the columns of ``x``, shape (2^p, k), by the Kronecker product of the matrices."""
    shape = tuple(x.shape)
    lead, remainder = 1, shape[0]
    for matrix in matrices:
        size = matrix.shape[0]
        remainder //= size
        x = xp.matmul(matrix, xp.reshape(x, (lead, size, remainder * shape[1])))
        lead *= size
    return xp.reshape(x, shape)


def factors(width: int) -> list[Array]:
    """Return matrices whose Kronecker product is the transform of ``width`` values, a power of two.

    Examples
    --------
    >>> [len(matrix) for matrix in factors(1 << 15)]
    [32, 32, 32]
    """
    bits = width.bit_length() - 1
    count = max(1, -(-bits // _LARGEST_FACTOR))
    return [_hadamard(bits // count + (i < bits % count)) for i in range(count)]


def _hadamard(bits: int) -> Array:
    matrix = np.ones((1, 1))
    for _ in range(bits):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
