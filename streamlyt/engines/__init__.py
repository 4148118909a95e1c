"""What drives rows from a source through a pipeline to sinks."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .local import LocalEngine, Summary

__all__ = ["LocalEngine", "Summary"]

_HOMES = {
    "LocalEngine": "local",
    "Summary": "local",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
