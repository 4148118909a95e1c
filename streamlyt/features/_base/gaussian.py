"""Base class of the maps that estimate the Gaussian kernel."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.features._kernels.response import COSINES

from .inputs import as_rows
from .projection import ProjectionMap

__all__ = ["GaussianMap"]


class GaussianMap(ProjectionMap):
    """A map of cosines and sines of real Gaussian projections."""

    _real = True
    _kind = COSINES

    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
        x, y = self.scale * as_rows(x), self.scale * as_rows(y)
        xx, yy = (x * x).sum(axis=1)[:, None], (y * y).sum(axis=1)[None, :]
        kernel: Floats = np.exp(-0.5 * np.maximum(xx + yy - 2.0 * (x @ y.T), 0.0))
        return kernel

    def variance(self, x: Array, y: Array) -> Floats:
        """Return m times the variance of the kernel estimate, shape (n, p), of independent rows."""
        return (1.0 - self.kernel(x, y) ** 2) ** 2
