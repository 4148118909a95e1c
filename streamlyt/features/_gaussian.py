"""The Gaussian kernel that the maps of waves estimate."""

import numpy as np

from streamlyt.base import Array, Floats

from ._inputs import as_rows

__all__ = ["gaussian_kernel"]


def gaussian_kernel(x: Array, y: Array, scale: float) -> Floats:
    """Return exp(-scale^2 |x - y|^2 / 2), shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
    x, y = scale * as_rows(x), scale * as_rows(y)
    squares: Floats = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None, :] - 2.0 * (x @ y.T)
    kernel: Floats = np.exp(-0.5 * np.maximum(squares, 0.0))
    return kernel
