"""Chaotic systems as sources, integrated to rounding, each with its largest Lyapunov exponent."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .kuramoto_sivashinsky import KuramotoSivashinsky
    from .lorenz import Lorenz
    from .lorenz96 import Lorenz96
    from .mackey_glass import MackeyGlass
    from .rossler import Rossler
    from .system import System, largest_exponent, trusted_time

__all__ = [
    "KuramotoSivashinsky",
    "Lorenz",
    "Lorenz96",
    "MackeyGlass",
    "Rossler",
    "System",
    "largest_exponent",
    "trusted_time",
]

_HOMES = {
    "KuramotoSivashinsky": "kuramoto_sivashinsky",
    "Lorenz": "lorenz",
    "Lorenz96": "lorenz96",
    "MackeyGlass": "mackey_glass",
    "Rossler": "rossler",
    "System": "system",
    "largest_exponent": "system",
    "trusted_time": "system",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
