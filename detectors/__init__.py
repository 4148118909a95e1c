"""Detectors: one file, one algorithm."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._two_sample import split_in_two
    from .bank import NEWMABank
    from .newma import NEWMA

__all__ = ["NEWMA", "NEWMABank", "split_in_two"]

_HOMES = {
    "NEWMA": "newma",
    "NEWMABank": "bank",
    "split_in_two": "_two_sample",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
