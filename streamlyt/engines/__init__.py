"""What drives rows from a source through a pipeline to sinks."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .local import LocalEngine as LocalEngine
    from .local import Summary as Summary

__getattr__, __dir__, __all__ = lazy_names(__name__)
