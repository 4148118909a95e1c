"""What a least-squares model sees of a scaled row: a constant, lines, bends and random features."""

import math

import numpy as np

from streamlyt.core import FeatureMap, Floats
from streamlyt.models._kernels.inputs import hinge_rows

__all__ = ["BasisExpansion", "with_kernel_width"]

# Where inputs may bend, in normal scores: the quantiles 0.115, 0.27, 0.5, 0.73 and 0.885.
_BENDS = {0: (), 1: (0.0,), 2: (-0.6, 0.6), 3: (-1.0, 0.0, 1.0), 5: (-1.2, -0.6, 0.0, 0.6, 1.2)}
_BEND = 2.0  # weight of the bends beside the lines


def with_kernel_width(features: FeatureMap, width: float, d: int) -> FeatureMap:
    """Return a map at a kernel width in units of the root-mean-square length of rows (d,)."""
    return features.with_scale(1.0 / (width * math.sqrt(d)))


class BasisExpansion:
    """What is seen of rows (n, d) of scores, through a feature map at a kernel width.

    Beside the random features stand a constant, each input, and each input bent at some quantiles:
    sums of functions of one input need no large kernel expansion. With more inputs there are fewer
    bends, and none of this but the constant where inputs outnumber the features.

    Attributes
    ----------
    width
        Number of columns.
    """

    def __init__(self, features: FeatureMap, width: float, d: int) -> None:
        self._map = with_kernel_width(features, width, d)
        self._own = d <= features.n_components
        room = features.n_components // d
        self._bends = np.array(_BENDS[max(count for count in _BENDS if count <= room)])
        self._linear = 1.0 / math.sqrt(d)
        self._bent = _BEND / math.sqrt(d * max(1, self._bends.size))
        self._beside = 1 + d * (1 + self._bends.size) if self._own else 1
        self.width = self._beside + features.n_components

    def __call__(self, rows: Floats) -> Floats:
        """Return what is seen, shape (n, width)."""
        out = np.empty((len(rows), self.width))
        self.fill(rows, out, 0)
        return out

    def fill(self, rows: Floats, out: Floats, at: int) -> None:
        """Put what is seen into the columns of ``out`` from ``at`` on."""
        own = rows if self._own else rows[:, :0]
        hinge_rows(own, self._bends, self._linear, self._bent, out, at)
        out[:, at + self._beside : at + self.width] = self._map(rows)
