"""Random Fourier features: cosines and sines of random projections, for the Gaussian kernel."""

import math

import numpy as np

from streamlyt.base import Array, Floats

from ._hash import complex_normals, signs
from ._kernels import COSINES
from ._projection import Draws, ProjectionMap, as_rows, check_even, padded_power, panels

__all__ = ["Fourier"]

_MATRIX, _SIGNS, _SECOND, _THIRD = 1, 3, 4, 5  # streams of the seed (the matrix takes two)


class Fourier(ProjectionMap):
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
        ``"dense"``: a Gaussian matrix in memory. ``"structured"``: three Walsh-Hadamard transforms
        with random signs between them, inputs padded to D, a power of two of at least 64 [2]_;
        one first transform serves all blocks of D rows. The rows are orthogonal and of one
        length, so the kernel estimate has less variance than :meth:`variance` says, and
        a bias of about :math:`k \, \mathrm{scale}^4 |x - y|^4 / (4 D)`. ``"auto"``: structured for
        more than four channels; that is where it costs less.
    seed
        Decides all draws.
    dtype
        Of the features, and of the arithmetic: ``"float32"`` or ``"float64"``. In single
        precision a projection p is known to 1e-7 p, and so is its cosine.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

    References
    ----------
    .. [1] A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NIPS 2007.
    .. [2] F. X. Yu et al., "Orthogonal random features", NIPS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> features = Fourier(4096, scale=0.5, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> phi = features(x)
    >>> bool(np.abs(phi @ phi.T - features.kernel(x, x)).max() < 0.05)
    True
    """

    def __init__(
        self,
        n_components: int,
        *,
        scale: float = 1.0,
        construction: str = "auto",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.construction = construction
        self.seed = seed
        self.dtype = dtype
        self._check_common()
        check_even(n_components)
        self._kind = COSINES

    def _draw(self, d: int) -> Draws:
        rows, seed = self.n_components // 2, self.seed
        factor = 1.0 / math.sqrt(rows)
        if not self._is_structured(d):
            real, _ = complex_normals(seed, _MATRIX, d * rows)
            first = panels(math.sqrt(2.0) * real.reshape(d, rows), self.dtype)
            return Draws(False, self.scale, 0.0, -(-d // 4) * 4, first, first, factor)
        width = padded_power(d)
        count = -(-rows // width) * width
        # H is not normalised in the loop: two of the three 1 / sqrt(D) go here, the third
        # is taken up by the length sqrt(D) of the rows.
        premix = self.scale * signs(seed, _SIGNS, width)[:d] / math.sqrt(width)
        first = (signs(seed, _SECOND, count) / math.sqrt(width)).astype(self.dtype)
        second = signs(seed, _THIRD, count).astype(self.dtype)
        return Draws(True, premix, 0.0, width, first, second, factor)

    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
        x, y = self.scale * as_rows(x), self.scale * as_rows(y)
        squares: Floats = (
            (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None, :] - 2.0 * (x @ y.T)
        )
        kernel: Floats = np.exp(-0.5 * np.maximum(squares, 0.0))
        return kernel

    def variance(self, x: Array, y: Array) -> Floats:
        """Return m times the variance of the kernel estimate, shape (n, p), for dense draws."""
        return (1.0 - self.kernel(x, y) ** 2) ** 2
