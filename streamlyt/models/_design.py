"""What a least-squares model sees of a scaled row: a constant, lines, bends and random features."""

import math

import numpy as np

from streamlyt.base import FeatureMap, Floats

from ._kernels import hinge_rows

__all__ = ["design", "design_width", "narrowed"]

# Where inputs may bend, in normal scores: the quantiles 0.115, 0.27, 0.5, 0.73 and 0.885.
_BENDS = {0: (), 1: (0.0,), 2: (-0.6, 0.6), 3: (-1.0, 0.0, 1.0), 5: (-1.2, -0.6, 0.0, 0.6, 1.2)}
_BEND = 2.0  # weight of the bends beside the lines


def narrowed(features: FeatureMap, width: float, d: int) -> FeatureMap:
    """Return a map at a kernel width in units of the root-mean-square length of rows (d,)."""
    return features.with_scale(1.0 / (width * math.sqrt(d)))


def design(features: FeatureMap, rows: Floats) -> Floats:
    """Return what is learnt from rows (n, d) of normal scores, shape (n, design_width).

    Beside the random features stand a constant, each input, and each input bent at some quantiles:
    sums of functions of one input need no large kernel expansion. With more inputs there are fewer
    bends, and none of this but the constant where inputs outnumber the features.
    """
    n, d = rows.shape
    bends = np.array(_BENDS[_bends(features, d)])
    plain = d <= features.n_components
    beside = 1 + d * (1 + bends.size) if plain else 1
    out = np.empty((n, beside + features.n_components))
    bent = _BEND / math.sqrt(d * max(1, bends.size))
    own = rows if plain else rows[:, :0]
    hinge_rows(own, bends, 1.0 / math.sqrt(d), bent, out[:, :beside])
    out[:, beside:] = features(rows)
    return out


def design_width(features: FeatureMap, d: int) -> int:
    """Return how many columns :func:`design` gives for d inputs."""
    beside = 1 + d * (1 + _bends(features, d)) if d <= features.n_components else 1
    return beside + features.n_components


def _bends(features: FeatureMap, d: int) -> int:
    room = features.n_components // d
    return max(count for count in _BENDS if count <= room)
