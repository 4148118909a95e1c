"""The feature maps that detectors know by name."""

from streamlyt.base import FeatureMap
from streamlyt.errors import ParameterError
from streamlyt.features import Fourier, Optical

__all__ = ["feature_map"]

BIAS = 2.0  # the reference beam: the larger, the nearer the kernel to the Gaussian


def feature_map(features: FeatureMap | str, n_components: int, seed: int) -> FeatureMap:
    r"""Return the map itself, or the one of that name, one wide.

    The optical one writes the intensity :math:`|U (s x, b)|^2` onto a phase. The beat of the rows
    with the reference b has variance :math:`2 s^2 b^2 |x|^2`, so with :math:`s = 1/(\sqrt 2 b)` the
    kernel is near :math:`\exp(-|x - y|^2 / 2)`, that of the Fourier features, for rows of about
    unit length.

    Raises
    ------
    ParameterError
        If there is no map of that name.
    """
    if isinstance(features, FeatureMap):
        return features
    if features == "optical":
        return Optical(n_components, response="phase", bias=BIAS, scale=0.5**0.5 / BIAS, seed=seed)
    if features == "fourier":
        return Fourier(n_components, seed=seed)
    raise ParameterError(f"features must be 'optical', 'fourier' or a map, got {features!r}")
