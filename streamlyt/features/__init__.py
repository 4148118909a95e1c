"""Random-feature maps: rows (n, d) in, features (n, m) out, whose products estimate a kernel."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._inputs import PackedBits
    from ._plan import Planned, plan
    from .fastfood import FastFood
    from .fourier import Fourier
    from .optical import Optical
    from .portable import Portable

__all__ = ["FastFood", "Fourier", "Optical", "PackedBits", "Planned", "Portable", "plan"]

_HOMES = {
    "FastFood": "fastfood",
    "Fourier": "fourier",
    "Optical": "optical",
    "PackedBits": "_inputs",
    "Planned": "_plan",
    "Portable": "portable",
    "plan": "_plan",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
