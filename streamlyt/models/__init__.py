"""Online kernel models with bounded memory: regression, classification, anomaly detection."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._base.anomaly_model import AnomalyModel as AnomalyModel
    from .fogd import FOGD as FOGD
    from .kernel_classifier import KernelClassifier as KernelClassifier
    from .kernel_density import KernelDensity as KernelDensity
    from .kernel_regressor import KernelRegressor as KernelRegressor
    from .logistic_regression import LogisticRegression as LogisticRegression
    from .mahalanobis import Mahalanobis as Mahalanobis
    from .nlms import NLMS as NLMS
    from .one_class_svm import OneClassSVM as OneClassSVM
    from .rls import RLS as RLS

__getattr__, __dir__, __all__ = lazy_exports(__name__)
