"""Engines: they run a pipeline over a source and write to sinks."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._recovery.shared_state import SharedStateStore as SharedStateStore
    from ._runtime.endpoint_checks import check_cluster_endpoints as check_cluster_endpoints
    from ._runtime.replay import ReplaySource as ReplaySource
    from ._runtime.run_metrics import RunMetrics as RunMetrics
    from ._runtime.summary import Summary as Summary
    from .cluster import ClusterEngine as ClusterEngine
    from .dask import map_on_dask as map_on_dask
    from .local import LocalEngine as LocalEngine

__getattr__, __dir__, __all__ = lazy_exports(__name__)
