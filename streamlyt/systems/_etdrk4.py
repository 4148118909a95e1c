"""Stiff equations with a diagonal linear part: exponential time differencing, fourth order."""

from collections.abc import Callable

import numpy as np

from streamlyt.core import Array, Floats

__all__ = ["ETDRK4"]

_POINTS = 64  # on the circle over which the coefficients are averaged


class ETDRK4:
    r"""Time stepper of :math:`v' = L v + N(v)` with L diagonal, by Cox and Matthews' ETDRK4.

    The coefficients, which suffer cancellation near L h = 0, are means over a circle in the complex
    plane [1]_.

    Parameters
    ----------
    linear
        Shape (m,), the real diagonal of L.
    nonlinear
        N, from shape (m,) to (m,).
    h
        Time step.

    References
    ----------
    .. [1] A.-K. Kassam, L. N. Trefethen, "Fourth-order time-stepping for stiff PDEs", SIAM J.
       Sci. Comput. 26, 2005.
    """

    def __init__(self, linear: Floats, nonlinear: Callable[[Array], Array], h: float) -> None:
        self.nonlinear = nonlinear
        z = h * linear
        circle = np.exp(1j * np.pi * (np.arange(1, _POINTS + 1) - 0.5) / _POINTS)
        r = z[:, None] + circle
        e = np.exp(r)
        self._full, self._half = np.exp(z), np.exp(z / 2)
        self._q = h * ((np.exp(r / 2) - 1) / r).real.mean(1)
        self._f1 = h * ((-4 - r + e * (4 - 3 * r + r**2)) / r**3).real.mean(1)
        self._f2 = h * 2 * ((2 + r + e * (r - 2)) / r**3).real.mean(1)
        self._f3 = h * ((-4 - 3 * r - r**2 + e * (4 - r)) / r**3).real.mean(1)

    def step(self, v: Array) -> Array:
        """Return v after one step."""
        n = self.nonlinear
        nv = n(v)
        half = self._half * v
        a = half + self._q * nv
        na = n(a)
        b = half + self._q * na
        nb = n(b)
        c = self._half * a + self._q * (2 * nb - nv)
        new: Array = self._full * v + self._f1 * nv + self._f2 * (na + nb) + self._f3 * n(c)
        return new
