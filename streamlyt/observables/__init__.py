"""What a frame becomes before a detector: whole, superposed, or internal coordinates."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .delays import Delays as Delays
    from .dihedrals import Dihedrals as Dihedrals
    from .distances import Distances as Distances
    from .duplicates import Duplicates as Duplicates
    from .missing import Missing as Missing
    from .standardise import Standardise as Standardise
    from .superpose import Superpose as Superpose
    from .whole import Whole as Whole

__getattr__, __dir__, __all__ = lazy_names(__name__)
