"""Random-feature maps: rows (n, d) in, features (n, m) out, whose products estimate a kernel."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._inputs import PackedBits as PackedBits
    from ._plan import Planned as Planned
    from ._plan import plan as plan
    from .fastfood import FastFood as FastFood
    from .fourier import Fourier as Fourier
    from .optical import Optical as Optical
    from .portable import Portable as Portable

__getattr__, __dir__, __all__ = lazy_names(__name__)
