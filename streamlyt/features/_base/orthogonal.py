"""Blocks of orthogonal columns in uniformly random directions, and their lengths."""

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.numerics.counter_rng import complex_normals
from streamlyt.features._kernels.gram_schmidt import orthogonalise

from .projection import MATRIX

__all__ = ["rotations", "unitaries"]

_LENGTHS = 14  # stream of the seed (normals take two)


def rotations(seed: int, d: int, rows: int) -> tuple[Floats, Floats]:
    """Draw directions (d, rows), d of them orthogonal, and lengths (rows,) of real normals."""
    blocks = -(-rows // d)
    real, imaginary = complex_normals(seed, MATRIX, d * d * blocks)
    # Real parts give the directions, imaginary parts the lengths: they are independent.
    squares = _sums(imaginary.reshape(d, -1) ** 2)
    (directions,) = _directions(real.reshape(blocks, 1, d, d), rows)
    return directions, np.sqrt(2.0 * squares[:rows])


def unitaries(seed: int, d: int, rows: int) -> tuple[Floats, Floats, Floats]:
    """Draw complex directions, in parts, and lengths: their product has entries CN(0, 1)."""
    blocks = -(-rows // d)
    normals = [part.reshape(blocks, d, d) for part in complex_normals(seed, MATRIX, d * d * blocks)]
    real, imaginary = _directions(np.stack(normals, axis=1), rows)
    squares = [part**2 for part in complex_normals(seed, _LENGTHS, d * rows)]
    return real, imaginary, np.sqrt(_sums((squares[0] + squares[1]).reshape(d, rows)))


def _directions(blocks: Floats, rows: int) -> Floats:
    """Return orthogonal columns, shape (parts, d, rows), of blocks (count, parts, d, d)."""
    d = blocks.shape[-1]
    parts = []
    for start, block in zip(range(0, rows, d), blocks, strict=True):
        columns = np.ascontiguousarray(block[:, :, : rows - start])
        orthogonalise(columns)
        parts.append(columns)
    directions: Floats = np.concatenate(parts, axis=2)
    return directions


def _sums(parts: Floats) -> Floats:
    total = np.zeros(parts.shape[1])
    for part in parts:  # in this order on every machine
        total += part
    return total
