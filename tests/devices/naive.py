"""Naive implementations of the compiled device loops."""

import numpy as np
from scipy.linalg import hadamard

from tests.reservoirs.naive import transform_order


def structured_matrix(tables, outputs, inputs):
    """The matrix H D H B / sqrt(M), its outputs in the order of the compiled transform."""
    m = tables.shape[1]
    h = hadamard(m)
    order = transform_order(m)
    inner = h[order] @ np.diag(tables[0])
    matrix = h[order] @ np.diag(tables[1] + 1j * tables[2]) @ inner / np.sqrt(m)
    return matrix[:outputs, :inputs]


def counts(intensity, exposure, bits, black):
    """Counts of a camera without noise; ``black`` is added before rounding down."""
    top = 2**bits - 1
    found = np.floor(np.minimum(intensity * exposure[:, None], 1.0) * top + black[:, None])
    return np.clip(found, 0, top)
