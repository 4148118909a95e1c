"""Models of other libraries as operators of a pipeline: one file, one library."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .river import RiverModel as RiverModel

__getattr__, __dir__, __all__ = lazy_names(__name__)
