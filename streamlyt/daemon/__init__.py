"""The process that runs a pipeline for months: signals, back-off, health, metrics."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._supervisor import Daemon as Daemon
    from ._worker import Worker as Worker
    from ._workers import Workers as Workers

__getattr__, __dir__, __all__ = lazy_names(__name__)
