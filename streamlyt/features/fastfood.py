"""FastfoodMap: Fourier features of the Gaussian kernel from a permutation and two transforms."""

import math

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.counter_rng import chi_squares, complex_normals, permutation, signs
from streamlyt.core.numerics.hadamard import GROUP
from streamlyt.core.validation import check_even

from ._base.gaussian import GaussianMap
from ._base.projection import padded_power
from ._draws import Draws
from ._kernels.fastfood import fastfood_rows

__all__ = ["FastfoodMap"]

# Streams of the seed: the lengths use three per round, the order one per block.
_SIGNS, _NORMALS, _LENGTHS, _ORDER = 11, 12, 16, 1 << 20


class FastfoodMap(GaussianMap):
    r"""Fastfood features, all cosines and then all sines [1]_.

    .. math:: \phi(x) = \sqrt{2/m} (\cos(\mathrm{scale} \cdot V x), \sin(\mathrm{scale} \cdot V x)),
        \qquad V = D^{-1/2} S H G \Pi H B, \quad
        k(x, y) = \exp(-\mathrm{scale}^2 |x - y|^2 / 2),

    inputs padded to D, a power of two of at least 64; H is the Walsh-Hadamard matrix, B random
    signs, :math:`\Pi` a permutation, G independent normals, and S gives each row the length of a
    Gaussian one. Every row of V is Gaussian, so there is no bias; the rows of a block of D are
    not independent, which gives the estimate 1.3 to 1.9 times the variance that :meth:`variance`
    says (measured at D = 64). Unlike [1]_, all blocks share the first transform and its signs B.

    Parameters
    ----------
    n_components
        Number of features m, even.
    scale
        Factor on the inputs, one over the length scale of the kernel.
    seed
        Determines all draws.
    dtype
        Type of features and arithmetic: ``"float32"`` or ``"float64"``.
    threads
        Number of threads per call. The features do not depend on it.

    Raises
    ------
    ParameterError
        If a parameter is invalid.

    References
    ----------
    .. [1] Q. Le, T. Sarlos, A. Smola, "Fastfood: approximating kernel expansions in loglinear
       time", ICML 2013, equation 7.

    Examples
    --------
    >>> import numpy as np
    >>> features = FastfoodMap(4096, scale=0.5, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> phi = features(x)
    >>> bool(np.abs(phi @ phi.T - features.kernel(x, x)).max() < 0.05)
    True
    """

    construction = "structured"

    def __init__(
        self,
        n_components: int,
        *,
        scale: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        threads: int = 1,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.seed = seed
        self.dtype = dtype
        self.threads = threads
        self._check_common()
        check_even(n_components)

    def _draw(self, d: int) -> Draws:
        rows, seed = self.n_components // 2, self.seed
        width = padded_power(d)
        blocks = -(-rows // width)
        premix = self.scale * signs(seed, _SIGNS, width)[:d] / math.sqrt(width)
        orders = [permutation(seed, _ORDER + block, width) for block in range(blocks)]
        # The transforms are not normalized: 1 / sqrt(D) of the first one is in the premix. A row
        # of H G has the length |G|; S = chi / |G| gives it that of D independent normals.
        normals = math.sqrt(2.0) * complex_normals(seed, _NORMALS, blocks * width)[0]
        squares = np.zeros(blocks)
        for part in normals.reshape(blocks, width).T:  # in this order on every machine
            squares += part * part
        lengths = chi_squares(seed, _LENGTHS, blocks * width, width).reshape(blocks, width)
        first = normals.astype(self.dtype)
        second = _as_transformed(np.sqrt(lengths / squares[:, None])).astype(self.dtype)
        order = np.concatenate(orders)
        factor = 1.0 / math.sqrt(rows)
        return Draws(True, premix, 0.0, width, first, second, factor, order=order)

    def _loop(self, draws: Draws, inputs: Array, out: Array) -> None:
        order = np.empty(0, np.int64) if draws.order is None else draws.order
        fastfood_rows(inputs, order, draws.first, draws.second, draws.factor, out)


def _as_transformed(blocks: Floats) -> Floats:
    """Reorder values, given by block and row of its transform, as the output of the loop."""
    step = max(1, GROUP // blocks.shape[1])
    groups = [blocks[start : start + step] for start in range(0, len(blocks), step)]
    return np.concatenate([group.T.reshape(-1) for group in groups])
