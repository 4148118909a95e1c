"""Chaotic systems as sources, integrated to rounding, each with its largest Lyapunov exponent."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .kuramoto_sivashinsky import KuramotoSivashinsky as KuramotoSivashinsky
    from .lorenz import Lorenz as Lorenz
    from .lorenz96 import Lorenz96 as Lorenz96
    from .mackey_glass import MackeyGlass as MackeyGlass
    from .rossler import Rossler as Rossler
    from .system import System as System
    from .system import largest_exponent as largest_exponent
    from .system import trusted_time as trusted_time

__getattr__, __dir__, __all__ = lazy_names(__name__)
