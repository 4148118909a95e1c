"""Readout from a sketch of the features, for more nodes than a Gram matrix can have."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.counter_rng import permutation, signs
from streamlyt.reservoirs._kernels.readout import sketch_rows, transform_rows

from .base import Gram

__all__ = ["Sketch"]

_MAX_SIZE = 4096  # values of a sketch; its Gram matrix takes 134 MB
_SEED, _SIGNS, _TAKEN = 0x5EED, 1, 2  # not a parameter: any other seed is as good
_SMALLEST = 16  # minimum size of the transforms


class Sketch(Gram):
    r"""Least squares on a sub-sampled Walsh-Hadamard transform of the features.

    The features f, F of them, are multiplied by random signs and transformed; k random values of
    the transform, :math:`S f = \sqrt{M / k}\, P H D f / \sqrt M`, replace them [1]_. k is half of
    F, at most 4096: a row costs F log F + k^2 instead of F^2, the state k^2. Weights on the sketch
    are weights on the features, because :math:`w \cdot S f = S^T w \cdot f`.

    References
    ----------
    .. [1] J. A. Tropp, "Improved analysis of the subsampled randomized Hadamard transform",
       Advances in Adaptive Data Analysis 3, 2011.
    """

    def start(self, features: int, targets: int) -> dict[str, Array]:
        """Return empty sums."""
        k = min(_MAX_SIZE, -(-features // 2))
        return {**super().start(k, targets), "sketched": np.array(features)}

    def absorb(
        self, features: Floats, targets: Floats, rows: int, memory: dict[str, Array]
    ) -> None:
        """Sketch the features and add the products."""
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
        # The transform is symmetric in natural order; the loop has another order.
        order = _order(turned.size)
        padded = np.zeros((len(short), turned.size))
        padded[:, order[taken]] = short
        transform_rows(padded)
        plain = np.empty_like(padded)
        plain[:, order] = padded
        return np.ascontiguousarray((plain * turned)[:, :features])


def _drawn(features: int, k: int) -> tuple[Floats, Array]:
    size = max(_SMALLEST, 1 << (features - 1).bit_length())
    scale = 1.0 / np.sqrt(k)
    return scale * signs(_SEED, _SIGNS, size), permutation(_SEED, _TAKEN, size)[:k]


def _order(size: int) -> Array:
    """Return the index in natural order of each output of the loop."""
    stages = size.bit_length() - 1
    bits = np.zeros((stages, size))
    bits[np.arange(stages), 1 << np.arange(stages)] = 1.0
    transform_rows(bits)
    powers = 1 << np.arange(stages)
    order: Array = ((bits < 0) * powers[:, None]).sum(axis=0)
    return order
