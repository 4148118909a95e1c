"""The Walsh-Hadamard transform as matrix products, for any library that has them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from streamlyt.base import Array

__all__ = ["factors", "transform"]

_LARGEST_FACTOR = 7  # bits of one matrix of a transform
_LEFT = 6  # bits of the left matrix where several blocks are transformed side by side


def transform(xp: Any, x: Any, matrices: Sequence[Any]) -> Any:
    """Multiply the last axis of ``x`` by the Kronecker product of the matrices."""
    shape = tuple(x.shape)
    lead, rest = math.prod(shape[:-1]), shape[-1]
    *heads, last = matrices
    for head in heads:
        size = head.shape[0]
        rest //= size
        x = xp.matmul(head, xp.reshape(x, (lead, size, rest)))
        lead *= size
    return xp.reshape(xp.matmul(xp.reshape(x, (lead, rest)), last), shape)


def factors(width: int, side: int) -> list[Array]:
    """Return matrices whose Kronecker product is that of H_width and the identity of ``side``."""
    bits = width.bit_length() - 1
    if side > 1:
        sizes = [min(_LEFT, bits), bits - min(_LEFT, bits)]
    else:
        count = max(2, -(-bits // _LARGEST_FACTOR))
        sizes = [bits // count + (i < bits % count) for i in range(count)]
    matrices = [_hadamard(size) for size in sizes]
    matrices[-1] = np.kron(matrices[-1], np.eye(side))
    return matrices


def _hadamard(bits: int) -> Array:
    matrix = np.ones((1, 1))
    for _ in range(bits):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
