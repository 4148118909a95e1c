r"""Closed-form mean products of responses to two correlated speckle fields.

u = U z and v = U z', of entries CN(0, 1) or, real, N(0, 1). Written with xx = |z|^2, yy = |z'|^2
and xy = z . z'; :class:`~streamlyt.features.OpticalMap` lists the sources.
"""

import math

import numpy as np
from scipy import special

from streamlyt.core import Floats

__all__ = ["bounded", "centred", "centred_variance", "power_product", "waves"]


def power_product(xx: Floats, yy: Floats, xy: Floats, s: float, real: bool) -> Floats:
    """Return the mean of (|u| |v|)^s, for any real s above 0."""
    norms = xx * yy
    r2 = np.divide(xy**2, norms, out=np.zeros_like(norms), where=norms > 0)
    r2 = np.minimum(r2, 1.0)
    if s == 2:
        return norms * (1.0 + (2.0 if real else 1.0) * r2)
    if s == 1 and real:
        r = np.sqrt(r2)
        shape = 2.0 / math.pi * (np.sqrt(1.0 - r2) + r * np.arcsin(r))
    elif s == 1:
        # 2E - (1 - r^2) K is finite at r^2 = 1, where K is not.
        rest = 1.0 - r2
        k = special.ellipkm1(np.where(rest > 0, rest, 1.0))
        shape = special.ellipe(r2) - 0.5 * rest * k
    elif real:
        size = 2.0**s * math.gamma(0.5 + 0.5 * s) ** 2 / math.pi
        shape = size * special.hyp2f1(-0.5 * s, -0.5 * s, 0.5, r2)
    else:
        shape = math.gamma(1.0 + 0.5 * s) ** 2 * special.hyp2f1(-0.5 * s, -0.5 * s, 1.0, r2)
    moment: Floats = np.asarray(shape, np.float64) * norms ** (0.5 * s)
    return moment


def centred(xy: Floats, real: bool) -> Floats:
    """Return the mean of (|u|^2 - xx) (|v|^2 - yy)."""
    return (2.0 if real else 1.0) * xy**2


def centred_variance(xx: Floats, yy: Floats, xy: Floats, real: bool) -> Floats:
    """Return the variance of (|u|^2 - xx) (|v|^2 - yy)."""
    a, b, c = (4.0, 32.0, 20.0) if real else (1.0, 4.0, 3.0)
    return a * (xx * yy) ** 2 + b * xx * yy * xy**2 + c * xy**4


def bounded(xx: Floats, yy: Floats, xy: Floats, power: int, real: bool) -> Floats:
    """Return the mean of exp(-power (|u|^2 + |v|^2))."""
    parts = power * (2.0 if real else 1.0)
    decay: Floats = (1.0 + parts * xx) * (1.0 + parts * yy) - (parts * xy) ** 2
    return decay**-0.5 if real else 1.0 / decay


def waves(xx: Floats, yy: Floats, xy: Floats, power: int, real: bool) -> Floats:
    """Return the mean of cos(power (|u|^2 - |v|^2))."""
    parts = power * (2.0 if real else 1.0)
    across = 1.0 + parts**2 * np.maximum(xx * yy - xy**2, 0.0)
    along = parts * (xx - yy)
    if real:  # Re (across - i along)^(-1/2), the branch of positive real part
        size = np.hypot(across, along)
        root: Floats = np.sqrt(0.5 * (size + across)) / size
        return root
    return across / (across**2 + along**2)
