"""The feature maps that are compared, by name, and the default detector on top of each."""

from collections.abc import Callable

from benchmarks.detection._recordings import SCALE
from streamlyt.core import FeatureMap
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.features import OpticalMap

__all__ = ["MAPS", "detector"]

M = 256  # the default of the bank

# The first two are the detector's own, by name; the others stand at the defaults of their class
# (bias 1, scale 1), and nobody has tuned them.
MAPS: dict[str, Callable[[int], FeatureMap | str]] = {
    "optical": lambda seed: "optical",
    "fourier": lambda seed: "fourier",
    "|Ux|": lambda seed: OpticalMap(M, response=1.0, seed=seed),
    "|Ux|^2": lambda seed: OpticalMap(M, response=2.0, seed=seed),
    "|Ux|^2 without bias": lambda seed: OpticalMap(M, response=2.0, bias=0.0, seed=seed),
    "exp(-|Ux|^2)": lambda seed: OpticalMap(M, response="exp", seed=seed),
    "phase, bias 1": lambda seed: OpticalMap(M, response="phase", seed=seed),
}


def detector(features: str, seed: int, scale: float | None = SCALE) -> MultiscaleNEWMA:
    """Return the default detector over one of the maps."""
    return MultiscaleNEWMA(
        null_model="empirical", features=MAPS[features](seed), scale=scale, seed=seed
    )
