"""Models that learn y from x on line, with kernels, in bounded memory."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .classifier import KernelClassifier
    from .regressor import KernelRegressor
    from .rls import RLS

__all__ = ["RLS", "KernelClassifier", "KernelRegressor"]

_HOMES = {"KernelClassifier": "classifier", "KernelRegressor": "regressor", "RLS": "rls"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
