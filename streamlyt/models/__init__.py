"""Models that learn y from x on line, with kernels, in bounded memory."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .classifier import KernelClassifier as KernelClassifier
    from .density import KernelDensity as KernelDensity
    from .fogd import FOGD as FOGD
    from .logistic import LogisticFOGD as LogisticFOGD
    from .mahalanobis import Mahalanobis as Mahalanobis
    from .nlms import NLMS as NLMS
    from .one_class import OneClass as OneClass
    from .regressor import KernelRegressor as KernelRegressor
    from .rls import RLS as RLS

__getattr__, __dir__, __all__ = lazy_names(__name__)
