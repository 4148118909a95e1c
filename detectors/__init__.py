"""Detectors: one file, one algorithm."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._two_sample import split_in_two
    from .bank import NEWMABank
    from .mmd import MMD
    from .moving_average import MovingAverage
    from .newma import NEWMA
    from .scan_b import ScanB
    from .sliced_wasserstein import SlicedWasserstein

__all__ = [
    "MMD",
    "NEWMA",
    "MovingAverage",
    "NEWMABank",
    "ScanB",
    "SlicedWasserstein",
    "split_in_two",
]

_HOMES = {
    "NEWMA": "newma",
    "MMD": "mmd",
    "MovingAverage": "moving_average",
    "NEWMABank": "bank",
    "ScanB": "scan_b",
    "SlicedWasserstein": "sliced_wasserstein",
    "split_in_two": "_two_sample",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
