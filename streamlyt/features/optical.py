"""Optical random features: powers and other responses of speckle intensities."""

import math

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.numerics.counter_rng import complex_normals, signs, unit_phases
from streamlyt.core.validation import check_choice, check_even, check_number

from ._base.binary import BinaryRows
from ._base.inputs import as_rows
from ._base.orthogonal import rotations, unitaries
from ._base.projection import MATRIX, ProjectionMap, padded_power
from ._draws import Draws
from ._kernels.response import CENTRED, EXPONENTIAL, MODULUS, PHASE, POWER, SQUARE
from ._speckle_moments import bounded, centred, centred_variance, power_product, waves

__all__ = ["OpticalMap"]

_NAMED = {"centred": CENTRED, "exp": EXPONENTIAL, "phase": PHASE}
_SIGNS, _PHASES, _NORMALS = 3, 4, 6  # streams of the seed (normals use two)
_CONSTRUCTIONS = (
    "auto",
    "binary",
    "dense",
    "orthogonal",
    "structured",
    "structured-gaussian",
    "tiles",
)
_FIELDS = ("complex", "real")


class OpticalMap(BinaryRows, ProjectionMap):
    r"""Optical random features: powers of the modulus :math:`|U z|`, or bounded responses of it.

    :math:`z = (\mathrm{scale} \cdot x, \mathrm{bias})`, and U has m rows of independent complex
    Gaussian entries of variance one: coherent light through a diffuser, read by a camera [1]_.
    The features are :math:`|U z|^s / \sqrt m`; or :math:`(|U z|^2 - |z|^2) / \sqrt m`; or
    :math:`\exp(-|U z|^2) / \sqrt m`; or
    :math:`\sqrt{2/m} (\cos |U z|^2, \sin |U z|^2)`, all cosines and then all sines, where the
    intensity sets the phase of a second beam, so that :math:`|\phi(x)| = 1`. With
    :math:`A = |z|^2 |z'|^2` and :math:`r^2 = (z \cdot z')^2 / A` the kernels are

    .. math:: k_s = \Gamma(1 + s/2)^2 A^{s/2} {}_2F_1(-s/2, -s/2; 1; r^2),
        \qquad k_{\mathrm{centred}} = A r^2 = (z \cdot z')^2,

    .. math:: k_{\exp} = 1 / [(1 + |z|^2) (1 + |z'|^2) - A r^2], \qquad
        k_{\mathrm{phase}} = \Re\, 1 / [1 + A (1 - r^2) - i (|z|^2 - |z'|^2)],

    the first from Price's expansion of two correlated speckles [1]_, [2]_, the second from their
    fourth moments, the last two from the characteristic function of two correlated complex
    Gaussians. If U is real (``field="real"``, entries from N(0, 1): no optics, half the
    transforms, and more variance) they are

    .. math:: k_s = \frac{2^s}{\pi} \Gamma\!\left(\frac{1 + s}{2}\right)^2 A^{s/2}
        {}_2F_1(-s/2, -s/2; 1/2; r^2), \qquad k_{\mathrm{centred}} = 2 A r^2,

    .. math:: k_{\exp} = [(1 + 2 |z|^2) (1 + 2 |z'|^2) - 4 A r^2]^{-1/2}, \qquad
        k_{\mathrm{phase}} = \Re\, [1 + 4 A (1 - r^2) - 2 i (|z|^2 - |z'|^2)]^{-1/2},

    the first from [3]_, the others from moments and the characteristic function.

    Without bias a feature is even in x and nearly insensitive to a shift of a mean around zero:
    use a bias of the order of :math:`\mathrm{scale} \cdot |x|`.

    Parameters
    ----------
    n_components
        Number of features m.
    response
        The exponent s, any number above 0, or ``"centred"``, ``"exp"`` or ``"phase"`` (m even).
    bias
        Additional constant input, in units of the scaled inputs; 0 for none.
    scale
        Factor on the inputs.
    construction
        Construction of U:

        * ``"dense"``: a Gaussian matrix in memory.
        * ``"tiles"``: the same matrix, bit for bit, redrawn for every 1024 rows and never stored.
        * ``"orthogonal"``: a matrix in memory whose blocks of as many rows as there are inputs,
          bias included, are random unitary matrices; the rows of one length, of Gaussian lengths
          for ``"exp"`` and ``"phase"``. No bias with any response, and less variance than
          :meth:`variance` says (s = 1: at most a tenth, s = 2: a sixth to a quarter, d = 24).
          Drawing it takes O(m d^2) time.
        * ``"structured"``: inputs padded to D, a power of two of at least 64, one Walsh-Hadamard
          transform after random signs, then for each D features random unit phases and another
          transform. Its rows are orthogonal, so there is less variance than :meth:`variance` says
          (s = 1: at most a third), and a bias that falls as 1/D, measured at D = 64: 0.4 % for
          s = 1, 1.5 % for s = 2 and ``"centred"`` (of A), 6 % for s = 4, 2.5 % for ``"exp"``, 5 %
          for ``"phase"``. If U is real 2 % for s = 1, s = 2 and ``"exp"``, 4 % for
          ``"centred"``, 12 % for s = 4, 5 % for ``"phase"``, and for s = 0.5 up to 8 % for rows
          with only one or two nonzero values.
        * ``"structured-gaussian"``: complex normals in place of the phases, no bias, and one to
          three times the variance.
        * ``"binary"``: for rows of zeros and ones, given as numbers, booleans or
          :class:`PackedBits`; entries :math:`(\pm 1 \pm i) / \sqrt 2`, never stored, one bit a
          part. For s = 2 and ``"centred"`` the kernel is then exactly the above less
          :math:`\sum_j z_j^2 z_j'^2`, where U is real less twice that, and :meth:`kernel` says
          so; for others it is the above in the limit of many ones.
        * ``"auto"``: structured for more than four inputs, bias included, else dense, whichever
          costs less.
    field
        ``"complex"``, or ``"real"`` for a real U: half as many transforms; signs in the place of
        phases, real normals in that of complex ones, :math:`\pm 1` in the matrix of bits.
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

    Notes
    -----
    The features of ``"structured"`` with s = 1 or 2 use only sums, products and square roots in a
    fixed order: bit-identical on every machine. Other responses may differ in the last bit between
    machines, never between batches.

    References
    ----------
    .. [1] R. Ohana et al., "Kernel computations from large-scale random features obtained by
       optical processing units", ICASSP 2020.
    .. [2] J. W. Goodman, "Statistical optics", Wiley 1985, chapter 2 (moments of complex normals).
    .. [3] S. Nabeya, "Absolute moments in 2-dimensional normal distribution", Annals of the
       Institute of Statistical Mathematics 3, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> features = OpticalMap(4096, seed=1)
    >>> x = np.array([[0.3, -1.0, 0.5, 0.2, 0.9], [0.1, 0.4, -0.2, 1.1, 0.0]])
    >>> phi = features(x)
    >>> bool(np.abs(phi @ phi.T - features.kernel(x, x)).max() < 0.05)
    True
    >>> OpticalMap(10, response="exp").with_scale(0.5)  # doctest: +ELLIPSIS
    OpticalMap(n_components=10, response='exp', bias=1.0, scale=0.5, construction='auto', ...)
    """

    _constructions = _CONSTRUCTIONS

    def __init__(
        self,
        n_components: int,
        *,
        response: float | str = 1.0,
        bias: float = 1.0,
        scale: float = 1.0,
        construction: str = "auto",
        field: str = "complex",
        seed: int = 0,
        dtype: str = "float32",
        threads: int = 1,
    ) -> None:
        self.n_components = n_components
        self.response = response
        self.bias = bias
        self.scale = scale
        self.construction = construction
        self.field = field
        self.seed = seed
        self.dtype = dtype
        self.threads = threads
        self._check_common()
        check_number("bias", bias, positive=False)
        check_choice("field", field, _FIELDS)
        self._real = field == "real"
        if isinstance(response, str):
            check_choice("response", response, tuple(_NAMED))
            self._kind = _NAMED[response]
            self._exponent = 2.0  # of the "centred" response before subtraction
            if self._kind == PHASE:
                check_even(n_components)
        else:
            check_number("response", response, positive=True)
            self._exponent = float(response)
            self._kind = {1.0: MODULUS, 2.0: SQUARE}.get(float(response), POWER)

    def _draw(self, d: int) -> Draws:
        seed = self.seed
        m = self.n_components // 2 if self._kind == PHASE else self.n_components
        inputs = d + (self.bias != 0)
        factor = 1.0 / math.sqrt(m)
        if self.construction == "binary":
            return self._dense(d, *self._bits(d, m))
        if self.construction == "orthogonal":
            return self._orthogonal(d, inputs, m)
        if not self._is_structured(inputs):
            return self._dense(d, *(part.reshape(inputs, m) for part in self._normals(inputs * m)))
        width = padded_power(inputs)
        premix = signs(seed, _SIGNS, width) / math.sqrt(width)
        centering = float(self._kind == CENTRED)
        n_entries = -(-m // width) * width
        gaussian = self.construction == "structured-gaussian"
        if gaussian:
            tables = self._normals(n_entries, _NORMALS)
        elif self._real:
            tables = (signs(seed, _PHASES, n_entries),)
        else:
            tables = unit_phases(seed, _PHASES, n_entries)
        if not gaussian and self._kind not in (EXPONENTIAL, PHASE):
            gain, center = self._one_length(width)
            factor, centering = factor * gain, centering * center
        first, second = (part.astype(self.dtype) for part in (*tables, np.empty(0))[:2])
        constant = self.bias * float(premix[inputs - 1])
        weights = self.scale * premix[:d], constant, width
        # The premix divides squared lengths by D.
        return Draws(True, *weights, first, second, factor, width * centering)

    def _normals(self, n: int, stream: int = MATRIX) -> tuple[Floats, ...]:
        real, imaginary = complex_normals(self.seed, stream, n)
        return (math.sqrt(2.0) * real,) if self._real else (real, imaginary)

    def _orthogonal(self, d: int, inputs: int, m: int) -> Draws:
        if self._real:
            *parts, lengths = rotations(self.seed, inputs, m)
        else:
            *parts, lengths = unitaries(self.seed, inputs, m)
        if self._kind in (EXPONENTIAL, PHASE):
            return self._dense(d, *(part * lengths for part in parts))
        gain, center = self._one_length(inputs)
        draws = self._dense(d, *(part * math.sqrt(inputs) for part in parts))
        return draws._replace(factor=draws.factor * gain, offset=draws.offset * center)

    def _one_length(self, width: int) -> tuple[float, float]:
        """Return corrections of orthogonal rows of length sqrt(D): factors on kernel and center.

        They lack the spread of Gaussian lengths. The factor corrects their kernel exactly if they
        are uniformly distributed; for s = 2 it is ((D + 1) / D)^(1/2), real ((D + 2) / D)^(1/2).
        Such rows have |z|^2 / (D + 1) of C = r^2 A less than Gaussian ones; less b |z|^2,
        E = D / (D + 1) (A + C) - 2 b A + b^2 A is a multiple of C for one b alone. Real:
        E = D / (D + 2) (A + 2 C) - 2 b A + b^2 A.
        """
        s, half = self._exponent, 0.5 if self._real else 1.0
        degrees = half * width  # of chi^2 / 2, the squared length of a Gaussian row
        lack = math.lgamma(degrees + s) - math.lgamma(degrees) - s * math.log(degrees)
        return math.exp(0.5 * lack), 1.0 - 1.0 / math.sqrt(degrees + 1.0)

    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""
        kernel = self._moment(x, y, 1)
        if self.construction == "binary" and self._kind in (SQUARE, CENTRED):
            # An entry has modulus one: its fourth moment is 1, that of a normal 2, or real 3.
            x, y = as_rows(x), as_rows(y)
            lack = self.scale**4 * (x**2 @ (y**2).T) + self.bias**4
            kernel -= 2.0 * lack if self._real else lack
        return kernel

    def variance(self, x: Array, y: Array) -> Floats:
        """Return m times the variance of the kernel estimate, shape (n, p), for dense draws."""
        if self._kind == CENTRED:
            return centred_variance(*self._products(x, y), self._real)
        first, second = self._moment(x, y, 1), self._moment(x, y, 2)
        if self._kind == PHASE:  # a cosine and a sine of one phase are m / 2 draws, not m
            return np.maximum(1.0 + second - 2.0 * first**2, 0.0)
        return np.maximum(second - first**2, 0.0)

    def _moment(self, x: Array, y: Array, power: int) -> Floats:
        # The mean product of two responses, each to this power; for phases the mean cosine of
        # their difference times this number.
        products, real = self._products(x, y), self._real
        if self._kind == CENTRED:
            return centred(products[2], real)
        if self._kind == PHASE:
            return waves(*products, power, real)
        if self._kind == EXPONENTIAL:
            return bounded(*products, power, real)
        return power_product(*products, power * self._exponent, real)

    def _products(self, x: Array, y: Array) -> tuple[Floats, Floats, Floats]:
        # |z|^2 (n, 1), |z'|^2 (1, p), z . z' (n, p).
        x, y = as_rows(x), as_rows(y)
        bias = self.bias**2
        xx: Floats = self.scale**2 * (x * x).sum(axis=1)[:, None] + bias
        yy: Floats = self.scale**2 * (y * y).sum(axis=1)[None, :] + bias
        xy: Floats = self.scale**2 * (x @ y.T) + bias
        return xx, yy, xy
