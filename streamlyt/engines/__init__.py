"""What drives rows from a source through a pipeline to sinks."""

from streamlyt._lazy import lazy_names

_HOMES = {"LocalEngine": "local", "Summary": "local"}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
