"""First four cumulants of the squared statistic, exact for any window, start and distribution."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Array, Floats

from .feature_moments import FeatureMoments
from .forgetting_factors import power_sum

__all__ = ["POWERS", "cumulants_of", "statistic_cumulants"]

POWERS = (2, 3, 4, 5, 6, 8)  # of the weights: their sums determine the first four cumulants


def statistic_cumulants(
    fast: float, slow: float, moments: FeatureMoments, t: Array | float = np.inf
) -> tuple[Floats, Floats, Floats, Floats]:
    r"""Return the cumulants of :math:`s^2 = |\sum_j w_j f_j|^2` after t independent rows.

    The weights sum to zero, so the mean of the features drops out. Writing
    :math:`s^2 = \sum_j w_j^2 |f_j|^2 + \sum_{i \ne j} w_i w_j f_i \cdot f_j` and sorting the joint
    cumulants of the terms by the rows they share gives sums of weights over distinct rows, each
    times one of the :class:`FeatureMoments`. The first is :math:`S_2\, \mathrm{tr}\, C`, the second
    :math:`2 (S_2^2 - S_4)\, \mathrm{tr}\, C^2 + S_4 \mathrm{Var}\, |f|^2`, with
    :math:`S_k = \sum_j w_j^k`.
    """
    sums = tuple(power_sum(fast, slow, k, t) for k in POWERS)
    return cumulants_of(sums, moments)


def cumulants_of(
    sums: Sequence[Array | float], moments: FeatureMoments
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the cumulants from the sums of powers 2, 3, 4, 5, 6 and 8 of weights of sum 0."""
    s2, s3, s4, s5, s6, s8 = (np.asarray(each, dtype=np.float64) for each in sums)
    # Sums over distinct rows of products of powers of their weights: d42 is that of w_i^4 w_j^2.
    d22, d33, d44 = s2**2 - s4, s3**2 - s6, s4**2 - s8
    d42, d53, d62 = s4 * s2 - s6, s5 * s3 - s8, s6 * s2 - s8
    d222 = s2**3 - 3.0 * s2 * s4 + 2.0 * s6
    d422 = s4 * s2**2 - s4**2 - 2.0 * s6 * s2 + 2.0 * s8
    d332 = s3**2 * s2 - s6 * s2 - 2.0 * s5 * s3 + 2.0 * s8
    d2222 = s2**4 - 6.0 * s4 * s2**2 + 3.0 * s4**2 + 8.0 * s6 * s2 - 6.0 * s8
    of = moments
    third = 8.0 * d222 * of.trace3 + 4.0 * d33 * of.q3 + 12.0 * d42 * of.u_qq
    third = third + 6.0 * d33 * of.uu_q + s6 * of.u3
    fourth = 48.0 * (d2222 * of.trace4 + d422 * of.fork + d332 * of.uu_path)
    fourth = fourth + 96.0 * (d332 * (of.qq_ring + of.qq_path) + d422 * of.u_ring)
    fourth = fourth + 8.0 * d44 * of.q4 + 24.0 * (d62 * of.u2_qq + d44 * of.uu_qq)
    fourth = fourth + 32.0 * d53 * of.u_qqq + 24.0 * d53 * of.u2u_q + s8 * of.u4
    return s2 * of.trace, 2.0 * d22 * of.trace2 + s4 * of.u2, third, fourth
