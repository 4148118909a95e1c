"""river integration: streamlyt components as river estimators, and river models as operators."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .anomaly_detector import AnomalyDetector as AnomalyDetector
    from .classifier import Classifier as Classifier
    from .drift_detector import DriftDetector as DriftDetector
    from .forecaster import Forecaster as Forecaster
    from .operator import RiverModel as RiverModel
    from .regressor import Regressor as Regressor
    from .transformer import Transformer as Transformer

__getattr__, __dir__, __all__ = lazy_exports(__name__)
