"""Reservoirs: fixed random maps with a memory, and forecasters that learn from them on line."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .echo import Echo
    from .forecaster import ReservoirForecaster
    from .limits import KERNELS, recurrent_kernel
    from .polynomial import Polynomial
    from .reservoir import Reservoir

__all__ = [
    "KERNELS",
    "Echo",
    "Polynomial",
    "Reservoir",
    "ReservoirForecaster",
    "recurrent_kernel",
]

_HOMES = {
    "Echo": "echo",
    "KERNELS": "limits",
    "Polynomial": "polynomial",
    "Reservoir": "reservoir",
    "ReservoirForecaster": "forecaster",
    "recurrent_kernel": "limits",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
