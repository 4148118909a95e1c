"""Naive implementations: the maps by explicit matrices, their kernels by quadrature."""

import os
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from streamlyt.core.numerics.counter_rng import signs, unit_phases
from streamlyt.core.numerics.hadamard import GROUP

compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="a simulation: minutes when uncompiled"
)


def hadamard(width):
    matrix = np.ones((1, 1))
    while len(matrix) < width:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def in_groups(columns, width):
    """Blocks (n, blocks, D) as features, D-major within each group of blocks."""
    step = max(1, GROUP // width)
    parts = [columns[:, k : k + step] for k in range(0, columns.shape[1], step)]
    return np.concatenate([p.transpose(0, 2, 1).reshape(len(p), -1) for p in parts], axis=1)


def premixed(z, seed, width):
    padded = np.zeros((len(z), width))
    padded[:, : z.shape[1]] = z
    return (padded * signs(seed, 3, width)) @ hadamard(width) / np.sqrt(width)


def optical_projections(values, features, width):
    """U z of a structured OpticalMap, shape (n, m), or (n, m / 2) for phases."""
    n, m = len(values), features.n_components
    if features.response == "phase":
        m //= 2
    z = features.scale * values
    if features.bias:
        z = np.hstack([z, np.full((n, 1), features.bias)])
    w = premixed(z, features.seed, width)
    blocks = -(-m // width)
    if features.field == "real":
        phases = signs(features.seed, 4, blocks * width).reshape(blocks, width)
    else:
        cosine, sine = unit_phases(features.seed, 4, blocks * width)
        phases = (cosine + 1j * sine).reshape(blocks, width)
    columns = np.stack([(w * phase) @ hadamard(width) for phase in phases], axis=1)
    return in_groups(columns, width)[:, :m]


def fourier_projections(values, features, width):
    """W x of a structured FourierMap, shape (n, m / 2)."""
    rows = features.n_components // 2
    blocks = -(-rows // width)
    w = premixed(features.scale * values, features.seed, width)
    second = signs(features.seed, 4, blocks * width).reshape(blocks, width)
    columns = np.stack([(w * s) @ hadamard(width) for s in second], axis=1) / np.sqrt(width)
    flat = in_groups(columns, width) * signs(features.seed, 5, blocks * width)
    step = max(1, GROUP // width) * width
    parts = []
    for start in range(0, flat.shape[1], step):
        part = flat[:, start : start + step]
        part = part.reshape(len(part), width, -1).transpose(0, 2, 1) @ hadamard(width)
        parts.append(part.reshape(len(part), -1))
    return np.concatenate(parts, axis=1)[:, :rows]


def optical_kernel(x, y, product):
    """E product(|u|^2, |v|^2) of u = U x, v = U y by integrating their joint density."""
    xx, yy = x @ x, y @ y
    r = abs(x @ y) / np.sqrt(xx * yy)
    rest = 1 - r * r

    def density(a, b):  # of two correlated intensities of mean one
        cross = 2 * r * np.sqrt(a * b) / rest
        return np.exp(cross - (a + b) / rest) * special.ive(0, cross) / rest

    def integrand(b, a):
        return product(xx * a, yy * b) * density(a, b)

    return integrate.dblquad(integrand, 0, 40, 0, 40, epsabs=1e-9, epsrel=1e-8)[0]


def real_kernel(x, y, product):
    """E product(u^2, v^2) of real u = U x, v = U y, over the plane that they span."""
    xx, yy = x @ x, y @ y
    angle = np.arcsin((x @ y) / np.sqrt(xx * yy))

    def integrand(r, turn):
        u, v = r * np.cos(turn), r * np.sin(turn + angle)
        return product(xx * u * u, yy * v * v) * r * np.exp(-r * r / 2) / np.pi

    # Half a turn suffices; the integrand is smooth in each part, whose ends are zeros of u or v.
    edges = sorted([-np.pi / 2, -angle, np.pi / 2])
    return sum(
        integrate.dblquad(integrand, a, b, 0, 12, epsabs=1e-10, epsrel=1e-8)[0]
        for a, b in pairwise(edges)
    )
