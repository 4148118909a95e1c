"""Molecular frames: unwrapping, superposition and internal coordinates."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._atom_columns import BOX as BOX
    from ._atom_columns import atom_channels as atom_channels
    from ._atoms import Atoms as Atoms
    from ._presets import OBSERVABLES as OBSERVABLES
    from ._presets import select_observable as select_observable
    from ._selection import AtomSelection as AtomSelection
    from ._selection import default_selection as default_selection
    from ._selection import describe_selection as describe_selection
    from ._unit_cell import box_from_dcd as box_from_dcd
    from ._unit_cell import box_from_vectors as box_from_vectors
    from ._unit_cell import trailing_dcd_bytes as trailing_dcd_bytes
    from .dihedrals import Dihedrals as Dihedrals
    from .distances import Distances as Distances
    from .superposition import Superposition as Superposition
    from .unwrap import Unwrap as Unwrap

__getattr__, __dir__, __all__ = lazy_exports(__name__)
