"""A read-out from a sketch of the features: for more nodes than a Gram matrix can have."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.counter_rng import permutation, signs
from streamlyt.reservoirs._kernels.readout import sketch_rows, transform_rows

from .base import Gram

__all__ = ["Sketch"]

_MOST = 4096  # values of a sketch: its Gram matrix takes 134 MB
_SEED, _SIGNS, _TAKEN = 0x5EED, 1, 2  # no parameter: a sketch of another seed is as good
_SMALLEST = 16  # of the transforms


class Sketch(Gram):
    r"""Least squares on a sub-sampled Walsh-Hadamard transform of the features.

    The features f, F of them, are multiplied by random signs and transformed; k random values of
    the transform, :math:`S f = \sqrt{M / k}\, P H D f / \sqrt M`, stand for them [1]_. k is a half
    of F, and 4096 at most: a row costs F log F + k^2 in place of F^2, the memory k^2. The weights
    on the sketch are weights on the features, for :math:`w \cdot S f = S^T w \cdot f`.

    References
    ----------
    .. [1] J. A. Tropp, "Improved analysis of the subsampled randomized Hadamard transform",
       Advances in Adaptive Data Analysis 3, 2011.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return sums of nothing."""
        k = min(_MOST, -(-features // 2))
        return {**super().start(k, targets), "sketched": np.array(features)}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Sketch, and add the products."""
        k = len(memory["gram"])
        turned, taken = _drawn(features.shape[1], k)
        short = np.empty((len(features), k))
        sketch_rows(np.ascontiguousarray(features), turned, taken, short)
        super().absorb(short, targets, rows, memory)

    def solve(self, memory: dict[str, Array]) -> Floats:
        """Solve on the sketch; return weights on the features."""
        features, k = int(memory["sketched"]), len(memory["gram"])
        short = super().solve(memory)
        turned, taken = _drawn(features, k)
        # The transform is symmetric in its natural order; the loop has one of its own.
        order = _order(turned.size)
        whole = np.zeros((len(short), turned.size))
        whole[:, order[taken]] = short
        transform_rows(whole)
        plain = np.empty_like(whole)
        plain[:, order] = whole
        return np.ascontiguousarray((plain * turned)[:, :features])


def _drawn(features: int, k: int) -> tuple[Floats, Array]:
    size = max(_SMALLEST, 1 << (features - 1).bit_length())
    scale = 1.0 / np.sqrt(k)
    return scale * signs(_SEED, _SIGNS, size), permutation(_SEED, _TAKEN, size)[:k]


def _order(size: int) -> Array:
    """Return which output of the ordinary transform stands where in that of the loop."""
    stages = size.bit_length() - 1
    bits = np.zeros((stages, size))
    bits[np.arange(stages), 1 << np.arange(stages)] = 1.0
    transform_rows(bits)
    powers = 1 << np.arange(stages)
    order: Array = ((bits < 0) * powers[:, None]).sum(axis=0)
    return order
