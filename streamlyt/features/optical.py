"""Optical random features: intensities of light behind a diffuser, and powers of them."""

import math

import numpy as np
from scipy import special

from streamlyt.base import Array, Floats

from ._hash import complex_normals, signs, unit_phases
from ._kernels import EXPONENTIAL, MODULUS, PHASE, POWER, SQUARE
from ._projection import (
    Draws,
    ProjectionMap,
    as_rows,
    check_choice,
    check_even,
    check_number,
    padded_power,
    panels,
)

__all__ = ["Optical"]

_BOUNDED = {"exp": EXPONENTIAL, "phase": PHASE}
_MATRIX, _SIGNS, _PHASES = 1, 3, 4  # streams of the seed (the matrix takes two)


class Optical(ProjectionMap):
    r"""Optical random features: powers of the modulus :math:`|U z|`, or waves of its square.

    :math:`z = (\mathrm{scale} \cdot x, \mathrm{bias})`, and U has m rows of independent complex
    Gaussian entries of variance one: coherent light through a diffuser, read by a camera [1]_.
    The features are :math:`|U z|^s / \sqrt m`; or :math:`\exp(-|U z|^2) / \sqrt m`; or
    :math:`\sqrt{2/m} (\cos |U z|^2, \sin |U z|^2)`, all cosines and then all sines, where the
    intensity is written onto the phase of a second beam, so that :math:`|\phi(x)| = 1`. With
    :math:`A = |z|^2 |z'|^2` and :math:`r^2 = (z \cdot z')^2 / A` the kernels are

    .. math:: k_s = \Gamma(1 + s/2)^2 A^{s/2} {}_2F_1(-s/2, -s/2; 1; r^2),

    .. math:: k_{\exp} = 1 / [(1 + |z|^2) (1 + |z'|^2) - A r^2], \qquad
        k_{\mathrm{phase}} = \Re\, 1 / [1 + A (1 - r^2) - i (|z|^2 - |z'|^2)],

    the last two from the characteristic function of two correlated complex Gaussians.

    Without bias a feature is even in x, so that a shift of a mean around zero can hardly be seen:
    keep the bias, of the order of :math:`\mathrm{scale} \cdot |x|`.

    Parameters
    ----------
    n_components
        Number of features m.
    response
        The exponent s, any number above 0, or ``"exp"``, or ``"phase"`` (m even).
    bias
        The further input that is always on, in units of the scaled inputs; 0 for none.
    scale
        Factor on the inputs.
    construction
        ``"dense"``: a Gaussian matrix in memory. ``"structured"``: inputs padded to D, a power of
        two of at least 64, one Walsh-Hadamard transform after random signs, then for each D
        features random unit phases and another transform. Its rows are orthogonal, so the kernel
        estimate has less variance than :meth:`variance` says (s = 1: a tenth to a third), and a
        bias that falls as 1/D, measured at D = 64: 0.4 % for s = 1, 1.5 % for s = 2, 6 % for
        s = 4, 2.5 % for ``"exp"``, 5 % for ``"phase"``. ``"auto"``: structured for more than
        four inputs, bias included; that is where it costs less.
    seed
        Decides all draws.
    dtype
        Of the features, and of the arithmetic: ``"float32"`` or ``"float64"``.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.

    Notes
    -----
    The features of ``"structured"`` with s = 1 or 2 are made of sums, products and square roots
    in a fixed order: the same bits on every machine. Other responses may differ in the last bit
    between machines, never between cuts of the rows.

    References
    ----------
    .. [1] R. Ohana et al., "Kernel computations from large-scale random features obtained by
       optical processing units", ICASSP 2020.

    Examples
    --------
    >>> import numpy as np
    >>> features = Optical(4096, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> phi = features(x)
    >>> bool(np.abs(phi @ phi.T - features.kernel(x, x)).max() < 0.05)
    True
    >>> Optical(10, response="exp").with_scale(0.5)  # doctest: +ELLIPSIS
    Optical(n_components=10, response='exp', bias=1.0, scale=0.5, construction='auto', ...)
    """

    def __init__(
        self,
        n_components: int,
        *,
        response: float | str = 1.0,
        bias: float = 1.0,
        scale: float = 1.0,
        construction: str = "auto",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.n_components = n_components
        self.response = response
        self.bias = bias
        self.scale = scale
        self.construction = construction
        self.seed = seed
        self.dtype = dtype
        self._check_common()
        check_number("bias", bias, positive=False)
        if isinstance(response, str):
            check_choice("response", response, tuple(_BOUNDED))
            self._kind = _BOUNDED[response]
            if self._kind == PHASE:
                check_even(n_components)
        else:
            check_number("response", response, positive=True)
            self._kind = {1.0: MODULUS, 2.0: SQUARE}.get(float(response), POWER)
            self._exponent = float(response)

    def _draw(self, d: int) -> Draws:
        seed = self.seed
        m = self.n_components // 2 if self._kind == PHASE else self.n_components
        inputs = d + (self.bias != 0)
        factor = 1.0 / math.sqrt(m)
        if not self._is_structured(inputs):
            matrix = complex_normals(seed, _MATRIX, inputs * m)
            first, second = (panels(part.reshape(inputs, m), self.dtype) for part in matrix)
            width = -(-inputs // 4) * 4
            return Draws(False, self.scale, self.bias, width, first, second, factor)
        width = padded_power(inputs)
        premix = signs(seed, _SIGNS, width) / math.sqrt(width)
        phases = unit_phases(seed, _PHASES, -(-m // width) * width)
        first, second = (part.astype(self.dtype) for part in phases)
        if self._kind not in _BOUNDED.values():
            # Orthogonal rows of one length lack the spread of Gaussian lengths; this mends their
            # kernel exactly where they are uniformly distributed: ((D + 1) / D)^(1/2) for s = 2.
            s = self._exponent
            lack = math.lgamma(width + s) - math.lgamma(width) - s * math.log(width)
            factor *= math.exp(0.5 * lack)
        constant = self.bias * float(premix[inputs - 1])
        return Draws(True, self.scale * premix[:d], constant, width, first, second, factor)

    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
        return self._moment(x, y, 1)

    def variance(self, x: Array, y: Array) -> Floats:
        """Return m times the variance of the kernel estimate, shape (n, p), for dense draws."""
        first, second = self._moment(x, y, 1), self._moment(x, y, 2)
        if self._kind == PHASE:  # a cosine and a sine of one phase are m / 2 draws, not m
            return np.maximum(1.0 + second - 2.0 * first**2, 0.0)
        return np.maximum(second - first**2, 0.0)

    def _moment(self, x: Array, y: Array, power: int) -> Floats:
        # The mean of the product of two responses, each to this power; of the wave of the
        # difference of two phases, each times this number.
        x, y = as_rows(x), as_rows(y)
        bias = self.bias**2
        xx: Floats = self.scale**2 * (x * x).sum(axis=1)[:, None] + bias
        yy: Floats = self.scale**2 * (y * y).sum(axis=1)[None, :] + bias
        xy: Floats = self.scale**2 * (x @ y.T) + bias
        if self._kind == PHASE:
            real = 1.0 + power**2 * np.maximum(xx * yy - xy**2, 0.0)
            return real / (real**2 + (power * (xx - yy)) ** 2)
        if self._kind == EXPONENTIAL:
            decay: Floats = (1.0 + power * xx) * (1.0 + power * yy) - (power * xy) ** 2
            return 1.0 / decay
        s = power * self._exponent
        norms = xx * yy
        r2 = np.divide(xy**2, norms, out=np.zeros_like(norms), where=norms > 0)
        r2 = np.minimum(r2, 1.0)
        if s == 2:
            return norms * (1.0 + r2)
        if s == 1:
            # 2E - (1 - r^2) K is finite at r^2 = 1, where K is not.
            rest = 1.0 - r2
            k = special.ellipkm1(np.where(rest > 0, rest, 1.0))
            shape = np.asarray(special.ellipe(r2) - 0.5 * rest * k, np.float64)
        else:
            wave = special.hyp2f1(-0.5 * s, -0.5 * s, 1.0, r2)
            shape = np.asarray(math.gamma(1.0 + 0.5 * s) ** 2 * wave, np.float64)
        moment: Floats = shape * norms ** (0.5 * s)
        return moment
