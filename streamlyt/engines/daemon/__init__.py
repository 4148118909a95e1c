"""Long-running services: signals, retries, health and metrics."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._cluster_worker import ClusterWorker as ClusterWorker
    from ._supervisor import Daemon as Daemon
    from ._worker_pool import WorkerPool as WorkerPool

__getattr__, __dir__, __all__ = lazy_exports(__name__)
