"""Feature maps that detectors accept by name."""

from functools import lru_cache

from streamlyt.core import FeatureMap
from streamlyt.core.errors import ParameterError
from streamlyt.features import FourierMap, OpticalMap

__all__ = ["EVEN", "STRONG", "feature_map"]

# The reference beam of the optical map: the larger, the nearer its kernel to the Gaussian.
STRONG = 2.0
# As strong as the mean row (half a squared kernel width); its beat with the rows then has the width
# of the kernel. With NEWMA a stronger one misses spreads that shrink (20 channels to 0.7 of their
# spread: delay 2281 rows instead of 21), a weaker one misses shifts of the mean (100 channels, one
# by 3 deviations: 565 rows instead of 33).
EVEN = 0.5**0.5


def feature_map(
    features: FeatureMap | str, n_components: int, seed: int, bias: float = STRONG
) -> FeatureMap:
    r"""Return the map itself, or the named one with a kernel width of one.

    The optical one writes the intensity :math:`|U (s x, b)|^2` onto a phase. The beat of the rows
    with the reference b has variance :math:`2 s^2 b^2 |x|^2`, so with :math:`s = 1/(\sqrt 2 b)` the
    kernel is near :math:`\exp(-|x - y|^2 / 2)`, that of the Fourier features, for rows of about
    unit length.

    Raises
    ------
    ParameterError
        If no map has that name.
    """
    if isinstance(features, FeatureMap):
        return features
    return _named(features, n_components, seed, bias)


@lru_cache(maxsize=64)
def _named(features: str, n_components: int, seed: int, bias: float) -> FeatureMap:
    # A map has no state: the detectors of all series share one.
    if features == "optical":
        scale = 0.5**0.5 / bias
        return OpticalMap(n_components, response="phase", bias=bias, scale=scale, seed=seed)
    if features == "fourier":
        return FourierMap(n_components, seed=seed)
    raise ParameterError(f"features must be 'optical', 'fourier' or a map, got {features!r}")
