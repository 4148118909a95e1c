"""Streaming time-series analytics with optical random features.

Batches go in at a connector, pass through operators that each keep one small state, and come out
at sinks; a dashboard is a view of what the sinks hold.
"""

from streamlyt._lazy import lazy_names

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
    "RunFile": "runfile",
    "Schema": "base",
    "Sink": "base",
    "Source": "base",
}

__all__ = sorted([*_HOMES, "__version__"])

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
