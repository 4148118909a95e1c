"""Random Fourier features: cosines and sines of random projections, for the Gaussian kernel."""

import math

from streamlyt.core.numerics.counter_rng import complex_normals, signs
from streamlyt.core.validation import check_even

from ._base.gaussian import GaussianMap
from ._base.orthogonal import rotations
from ._base.projection import MATRIX, padded_power
from ._draws import Draws

__all__ = ["FourierMap"]

_SIGNS, _SECOND, _THIRD = 3, 4, 5  # streams of the seed
_CONSTRUCTIONS = ("auto", "dense", "orthogonal", "structured", "tiles")


class FourierMap(GaussianMap):
    r"""Random Fourier features, all cosines and then all sines [1]_.

    .. math:: \phi(x) = \sqrt{2/m} (\cos(\mathrm{scale} \cdot W x), \sin(\mathrm{scale} \cdot W x)),
        \qquad k(x, y) = \exp(-\mathrm{scale}^2 |x - y|^2 / 2)

    with m/2 rows of W from N(0, I), so :math:`|\phi(x)| = 1`.

    Parameters
    ----------
    n_components
        Number of features m, even.
    scale
        Factor on the inputs, one over the length scale of the kernel.
    construction
        Construction of W:

        * ``"dense"``: a Gaussian matrix in memory.
        * ``"tiles"``: the same matrix, bit for bit, redrawn for every 1024 rows and never stored.
        * ``"orthogonal"``: a matrix in memory whose blocks of d rows are random rotations, each
          row with the length of a Gaussian one: every row is Gaussian, so there is no bias, and
          less variance than :meth:`variance` says (Theorem 1 of [2]_). Drawing it takes O(m d^2)
          time.
        * ``"structured"``: three Walsh-Hadamard transforms with random signs between them, inputs
          padded to D, a power of two of at least 64 [2]_; one first transform serves all blocks of
          D rows. The rows are orthogonal and of one length, so there is less variance than
          :meth:`variance` says, and a bias of about
          :math:`k \, \mathrm{scale}^4 |x - y|^4 / (4 D)`.
        * ``"auto"``: structured for more than four channels, else dense, whichever costs less.
    seed
        Determines all draws.
    dtype
        Type of features and arithmetic: ``"float32"`` or ``"float64"``. In single
        precision a projection p, and thus its cosine, has an error of 1e-7 p.
    threads
        Number of threads per call. The features do not depend on it.

    Raises
    ------
    ParameterError
        If a parameter is invalid.

    References
    ----------
    .. [1] A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NIPS 2007.
    .. [2] F. X. Yu et al., "Orthogonal random features", NIPS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> features = FourierMap(4096, scale=0.5, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> phi = features(x)
    >>> bool(np.abs(phi @ phi.T - features.kernel(x, x)).max() < 0.05)
    True
    """

    _constructions = _CONSTRUCTIONS

    def __init__(
        self,
        n_components: int,
        *,
        scale: float = 1.0,
        construction: str = "auto",
        seed: int = 0,
        dtype: str = "float32",
        threads: int = 1,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.construction = construction
        self.seed = seed
        self.dtype = dtype
        self.threads = threads
        self._check_common()
        check_even(n_components)

    def _draw(self, d: int) -> Draws:
        rows, seed = self.n_components // 2, self.seed
        if not self._is_structured(d):
            if self.construction == "orthogonal":
                directions, lengths = rotations(seed, d, rows)
                return self._dense(d, directions * lengths)
            real, _ = complex_normals(seed, MATRIX, d * rows)
            return self._dense(d, math.sqrt(2.0) * real.reshape(d, rows))
        width = padded_power(d)
        count = -(-rows // width) * width
        # H is not normalized in the loop: two of the three 1 / sqrt(D) are here, the third
        # cancels the length sqrt(D) of the rows.
        premix = self.scale * signs(seed, _SIGNS, width)[:d] / math.sqrt(width)
        first = (signs(seed, _SECOND, count) / math.sqrt(width)).astype(self.dtype)
        second = signs(seed, _THIRD, count).astype(self.dtype)
        return Draws(True, premix, 0.0, width, first, second, 1.0 / math.sqrt(rows))
