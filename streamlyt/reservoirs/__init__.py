"""Reservoirs: fixed random maps with a memory, and forecasters that learn from them on line."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .echo import Echo
    from .forecaster import ReservoirForecaster
    from .polynomial import Polynomial
    from .reservoir import Reservoir

__all__ = ["Echo", "Polynomial", "Reservoir", "ReservoirForecaster"]

_HOMES = {
    "Echo": "echo",
    "Polynomial": "polynomial",
    "Reservoir": "reservoir",
    "ReservoirForecaster": "forecaster",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
