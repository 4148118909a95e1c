"""Random feature maps: rows (n, d) to features (n, m) whose inner products estimate a kernel."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._base.gaussian import GaussianMap as GaussianMap
    from ._base.inputs import PackedBits as PackedBits
    from ._planning import FeaturePlan as FeaturePlan
    from ._planning import plan_features as plan_features
    from .array_api import ArrayAPIMap as ArrayAPIMap
    from .fastfood import FastfoodMap as FastfoodMap
    from .fourier import FourierMap as FourierMap
    from .optical import OpticalMap as OpticalMap

__getattr__, __dir__, __all__ = lazy_exports(__name__)
