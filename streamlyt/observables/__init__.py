"""What a frame becomes before a detector: whole, superposed, or internal coordinates."""

from streamlyt._lazy import lazy_names

_HOMES = {
    "Dihedrals": "dihedrals",
    "Distances": "distances",
    "Superpose": "superpose",
    "Whole": "whole",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
