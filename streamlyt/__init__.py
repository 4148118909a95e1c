"""Streaming time-series analytics with optical random features.

Batches go in at a connector, pass through operators that each keep one small state, and come out
at sinks; a dashboard is a view of what the sinks hold.
"""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .base import Batch, Channel, Event, FeatureMap, Operator, Schema, Sink, Source
    from .detector import Detector
    from .engines.local import LocalEngine
    from .pipeline import Pipeline
    from .runfile._file import RunFile

__all__ = [
    "Batch",
    "Channel",
    "Detector",
    "Event",
    "FeatureMap",
    "LocalEngine",
    "Operator",
    "Pipeline",
    "RunFile",
    "Schema",
    "Sink",
    "Source",
    "__version__",
]

__version__ = "0.1.0"

_HOMES = {
    "Batch": "base",
    "Channel": "base",
    "Detector": "detector",
    "Event": "base",
    "FeatureMap": "base",
    "LocalEngine": "engines.local",
    "Operator": "base",
    "Pipeline": "pipeline",
    "RunFile": "runfile._file",
    "Schema": "base",
    "Sink": "base",
    "Source": "base",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
