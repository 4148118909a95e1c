"""Compiled loops of the density models: a running mean of features, and a half-space."""

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["density_rows", "half_space_rows"]


# Reassociated sums vectorize; nothing is assumed about NaN.
@jit(fastmath={"reassoc", "contract"})
def density_rows(
    features: Array, mean: Array, weight: Array, forget: float, learn: bool, out: Array
) -> None:
    """Fill ``out`` (n,) with 1 - f mean / weight for rows (n, m), each before it is learned."""
    n, m = features.shape
    for i in range(n):
        total = 0.0
        for j in range(m):
            total += features[i, j] * mean[j]
        out[i] = 1.0 - total / weight[0] if weight[0] > 0.0 else 1.0
        if learn:
            for j in range(m):
                mean[j] = forget * mean[j] + features[i, j]
            weight[0] = forget * weight[0] + 1.0


@jit(fastmath={"reassoc", "contract"})
def half_space_rows(
    features: Array,
    weights: Array,
    offset: Array,
    rate: float,
    share: float,
    learn: bool,
    out: Array,
) -> None:
    """Fill ``out`` (n,) with offset - w f for rows (n, m), each before a gradient step."""
    n, m = features.shape
    for i in range(n):
        total = 0.0
        for j in range(m):
            total += features[i, j] * weights[j]
        out[i] = offset[0] - total
        if learn:
            beyond = out[i] > 0.0
            for j in range(m):
                weights[j] *= 1.0 - rate
            if beyond:
                for j in range(m):
                    weights[j] += rate / share * features[i, j]
            offset[0] += rate * (1.0 - beyond / share)
