"""Detectors: one file, one algorithm."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._two_sample import split_in_two as split_in_two
    from .bank import NEWMABank as NEWMABank
    from .mmd import MMD as MMD
    from .moving_average import MovingAverage as MovingAverage
    from .newma import NEWMA as NEWMA
    from .scan_b import ScanB as ScanB
    from .sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
    from .split_search import SplitSearch as SplitSearch

__getattr__, __dir__, __all__ = lazy_names(__name__)
