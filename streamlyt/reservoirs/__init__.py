"""Reservoirs: fixed random maps with a memory, and forecasters that learn from them on line."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._bands import BandedForecast as BandedForecast
    from ._limits import KERNELS as KERNELS
    from ._limits import recurrent_kernel as recurrent_kernel
    from ._reservoir import Reservoir as Reservoir
    from ._search import Tuned as Tuned
    from ._search import tune as tune
    from .change_aware import ChangeAware as ChangeAware
    from .echo import Echo as Echo
    from .forecaster import ReservoirForecaster as ReservoirForecaster
    from .kernel import KernelForecaster as KernelForecaster
    from .layers import Layers as Layers
    from .measured import MeasuredForecaster as MeasuredForecaster
    from .optical import Optical as Optical
    from .polynomial import Polynomial as Polynomial

__getattr__, __dir__, __all__ = lazy_names(__name__)
