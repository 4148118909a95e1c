"""What a frame becomes before a detector: whole, superposed, or internal coordinates."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .dihedrals import Dihedrals
    from .distances import Distances
    from .superpose import Superpose
    from .whole import Whole

__all__ = ["Dihedrals", "Distances", "Superpose", "Whole"]

_HOMES = {
    "Dihedrals": "dihedrals",
    "Distances": "distances",
    "Superpose": "superpose",
    "Whole": "whole",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
