"""Streaming time-series analytics with optical random features.

Batches go in at a connector, pass through operators that each keep one small state, and come out
at sinks; a dashboard is a view of what the sinks hold.
"""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .base import Batch as Batch
    from .base import Channel as Channel
    from .base import Event as Event
    from .base import FeatureMap as FeatureMap
    from .base import Operator as Operator
    from .base import Schema as Schema
    from .base import Sink as Sink
    from .base import Source as Source
    from .detector import Detector as Detector
    from .engines.local import LocalEngine as LocalEngine
    from .pipeline import Pipeline as Pipeline
    from .runfile._file import RunFile as RunFile

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_names(__name__)
__all__ += ["__version__"]
