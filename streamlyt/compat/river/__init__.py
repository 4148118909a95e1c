"""Faces for river, which learns from one dictionary at a time."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .drift_detector import DriftDetector
    from .transformer import Transformer

__all__ = ["DriftDetector", "Transformer"]

_HOMES = {"DriftDetector": "drift_detector", "Transformer": "transformer"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
