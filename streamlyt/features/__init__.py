"""Random-feature maps: rows (n, d) in, features (n, m) out, whose products estimate a kernel."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .fourier import Fourier
    from .optical import Optical

__all__ = ["Fourier", "Optical"]

_HOMES = {"Fourier": "fourier", "Optical": "optical"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
