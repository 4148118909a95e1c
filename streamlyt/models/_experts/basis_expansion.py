"""Basis of the least-squares models: constant, linear terms, hinges and random features."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.models._kernels.inputs import hinge_rows

__all__ = ["BasisExpansion", "with_kernel_width"]

# Hinge positions in normal scores, at the quantiles 0.115, 0.27, 0.5, 0.73 and 0.885.
_HINGES = {0: (), 1: (0.0,), 2: (-0.6, 0.6), 3: (-1.0, 0.0, 1.0), 5: (-1.2, -0.6, 0.0, 0.6, 1.2)}
_HINGE_WEIGHT = 2.0  # weight of the hinges relative to the linear terms


def with_kernel_width(features: FeatureMap, width: float, d: int) -> FeatureMap:
    """Return a map with a kernel width in units of the root-mean-square length of rows (d,)."""
    return features.with_scale(1.0 / (width * math.sqrt(d)))


class BasisExpansion:
    """Basis functions of rows (n, d) of scores, for a feature map with a kernel width.

    The basis has a constant, each input, hinge functions of each input at some quantiles, and the
    random features: so sums of functions of one input need no large kernel expansion. More inputs
    get fewer hinges. If there are more inputs than features, only the constant is added.

    Attributes
    ----------
    width
        Number of basis functions.
    """

    def __init__(self, features: FeatureMap, width: float, d: int) -> None:
        self._map = with_kernel_width(features, width, d)
        self._adds_inputs = d <= features.n_components
        per_input = features.n_components // d
        self._hinges = np.array(_HINGES[max(count for count in _HINGES if count <= per_input)])
        self._linear = 1.0 / math.sqrt(d)
        self._hinge_scale = _HINGE_WEIGHT / math.sqrt(d * max(1, self._hinges.size))
        self._n_added = 1 + d * (1 + self._hinges.size) if self._adds_inputs else 1
        self.width = self._n_added + features.n_components

    def __call__(self, rows: Floats) -> Floats:
        """Return the basis functions, shape (n, width)."""
        out = np.empty((len(rows), self.width))
        self.fill(rows, out, 0)
        return out

    def fill(self, rows: Floats, out: Floats, offset: int) -> None:
        """Write the basis functions into the columns of ``out`` from ``offset`` on."""
        own = rows if self._adds_inputs else rows[:, :0]
        hinge_rows(own, self._hinges, self._linear, self._hinge_scale, out, offset)
        out[:, offset + self._n_added : offset + self.width] = self._map(rows)
