"""Change detectors: one file per algorithm."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._offline.offline_split import offline_split as offline_split
    from .multiscale_newma import MultiscaleNEWMA as MultiscaleNEWMA
    from .newma import NEWMA as NEWMA
    from .online_segmentation import OnlineSegmentation as OnlineSegmentation
    from .reference_mmd import ReferenceMMD as ReferenceMMD
    from .scan_b import ScanB as ScanB
    from .sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
    from .sliding_mmd import SlidingMMD as SlidingMMD

__getattr__, __dir__, __all__ = lazy_exports(__name__)
