"""Recurrent kernels: the infinite-width limits of reservoirs."""

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError

__all__ = ["KERNELS", "recurrent_kernel"]

Kernel = Callable[[Floats, Floats, Floats], Floats]


def _cosine(p: Floats, pp: Floats, qq: Floats) -> tuple[Floats, Floats]:
    norms = np.sqrt(pp * qq)
    c = np.divide(p, norms, out=np.zeros_like(norms), where=norms > 0)
    return np.clip(c, -1.0, 1.0), norms


def _erf(p: Floats, pp: Floats, qq: Floats) -> Floats:
    c = 2.0 * p / np.sqrt((1.0 + 2.0 * pp) * (1.0 + 2.0 * qq))
    return np.asarray(2.0 / np.pi * np.arcsin(np.clip(c, -1.0, 1.0)))


def _sign(p: Floats, pp: Floats, qq: Floats) -> Floats:
    return np.asarray(2.0 / np.pi * np.arcsin(_cosine(p, pp, qq)[0]))


def _heaviside(p: Floats, pp: Floats, qq: Floats) -> Floats:
    return np.asarray(0.5 - np.arccos(_cosine(p, pp, qq)[0]) / (2.0 * np.pi))


def _relu(p: Floats, pp: Floats, qq: Floats) -> Floats:
    c, norms = _cosine(p, pp, qq)
    return np.asarray(norms / (2.0 * np.pi) * (c * np.arccos(-c) + np.sqrt(1.0 - c * c)))


def _cos(p: Floats, pp: Floats, qq: Floats) -> Floats:
    # cos a cos b = (cos(a - b) + cos(a + b)) / 2, and the mean of a cosine is exp(-variance / 2).
    total = pp + qq
    return np.asarray(0.5 * (np.exp(p - 0.5 * total) + np.exp(-p - 0.5 * total)))


def _rbf(p: Floats, pp: Floats, qq: Floats) -> Floats:
    return np.asarray(np.exp(p - 0.5 * (pp + qq)))


def _intensity(p: Floats, pp: Floats, qq: Floats) -> Floats:
    return pp * qq + p * p


def _modulus(p: Floats, pp: Floats, qq: Floats) -> Floats:
    c, norms = _cosine(p, pp, qq)
    return np.asarray(np.pi / 4.0 * norms * special.hyp2f1(-0.5, -0.5, 1.0, c * c))


KERNELS: dict[str, Kernel] = {
    "erf": _erf,
    "sign": _sign,
    "heaviside": _heaviside,
    "relu": _relu,
    "cos": _cos,
    "rbf": _rbf,
    "intensity": _intensity,
    "modulus": _modulus,
}
"""Activation -> mean of the product of two activations, from the covariance of the two
preactivations and their variances. ``"rbf"`` is a cosine with uniform phase, times the square root
of two; ``"intensity"`` and ``"modulus"`` are |z|^2 and |z| of complex preactivations."""


def recurrent_kernel(
    x: Array,
    y: Array,
    *,
    activation: str = "erf",
    spectral_radius: float = 1.0,
    input_scale: float = 1.0,
    bias_scale: float = 0.0,
) -> Floats:
    r"""Return inner products of the states of infinite-width reservoirs driven by two series.

    Both states start at rest; with rows u and v of the series, after each pair of rows

    .. math:: K_{t+1} = k(p_{uv}, p_{uu}, p_{vv}), \qquad
        p_{uv} = \rho^2 K_t + s^2\, u_t \cdot v_t / d + b^2,

    with k one of :data:`KERNELS` [1]_. It is the mean over the nodes of the product of their
    activations. For a finite reservoir without leak, the deviation from it decreases as one over
    the square root of its size.

    Parameters
    ----------
    x, y
        Shapes (n, d): two series of equal length, or one twice.
    activation
        Activation of a node.
    spectral_radius, input_scale, bias_scale
        The scales of an ``EchoStateNetwork``.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3): after each row, the inner product of both states and their squared norms,
        divided by the number of nodes.

    Raises
    ------
    ParameterError
        If the activation has no kernel here (tanh has no closed form; erf is similar).
    DataError
        If the series have different shapes.

    References
    ----------
    .. [1] J. Dong, R. Ohana, M. Rafayelyan, F. Krzakala, "Reservoir computing meets recurrent
       kernels and structured transforms", NeurIPS 2020 (arXiv 2006.07310).

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.reservoirs import EchoStateNetwork
    >>> x, y = np.random.default_rng(0).normal(size=(2, 10, 3))
    >>> scales = dict(activation="erf", spectral_radius=0.5, input_scale=1.0, bias_scale=0.3)
    >>> echo = EchoStateNetwork(4000, **scales)
    >>> a, b = (echo.run(rows[:, None], echo.start(1, 3))[-1, 0] for rows in (x, y))
    >>> bool(abs(a @ b / 4000 - recurrent_kernel(x, y, **scales)[-1, 0]) < 0.03)
    True
    """
    if activation not in KERNELS:
        raise ParameterError(f"activation must be one of {', '.join(KERNELS)}, got {activation!r}")
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or x.shape != y.shape:
        raise DataError(f"x and y must have the same shape (n, d), got {x.shape!r} and {y.shape!r}")
    kernel = KERNELS[activation]
    scale = input_scale / math.sqrt(x.shape[1])
    products = scale**2 * np.stack([(x * y).sum(1), (x * x).sum(1), (y * y).sum(1)], axis=1)
    out = np.empty((len(x), 3))
    state = np.zeros(3)
    for t, given in enumerate(products):
        p = spectral_radius**2 * state + given + bias_scale**2
        state = out[t] = kernel(p, p[[1, 1, 2]], p[[2, 1, 2]])
    return out
