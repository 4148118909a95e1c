"""Chaotic dynamical systems as sources, with known largest Lyapunov exponents."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._base import DynamicalSystem as DynamicalSystem
    from ._base import largest_lyapunov_exponent as largest_lyapunov_exponent
    from ._base import reliable_time as reliable_time
    from .kuramoto_sivashinsky import KuramotoSivashinsky as KuramotoSivashinsky
    from .lorenz import Lorenz as Lorenz
    from .lorenz96 import Lorenz96 as Lorenz96
    from .mackey_glass import MackeyGlass as MackeyGlass
    from .rossler import Rossler as Rossler

__getattr__, __dir__, __all__ = lazy_exports(__name__)
