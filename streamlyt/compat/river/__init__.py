"""Faces for river, which learns from one dictionary at a time."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .classifier import Classifier
    from .drift_detector import DriftDetector
    from .regressor import Regressor
    from .transformer import Transformer

__all__ = ["Classifier", "DriftDetector", "Regressor", "Transformer"]

_HOMES = {
    "Classifier": "classifier",
    "DriftDetector": "drift_detector",
    "Regressor": "regressor",
    "Transformer": "transformer",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
