"""What drives rows from a source through a pipeline to sinks."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._ends import shared_out as shared_out
    from ._gauges import Gauges as Gauges
    from ._playing import Playing as Playing
    from ._shared import SharedStates as SharedStates
    from ._summary import Summary as Summary
    from .archive import on_dask as on_dask
    from .cluster import ClusterEngine as ClusterEngine
    from .local import LocalEngine as LocalEngine

__getattr__, __dir__, __all__ = lazy_names(__name__)
