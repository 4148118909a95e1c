"""Streaming time-series analytics with optical random features.

Batches enter at a source, pass through operators that each keep one small state, and leave at
sinks. A dashboard is a view of what the sinks store.
"""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .core.batch import Batch as Batch
    from .core.batch import Channel as Channel
    from .core.batch import Schema as Schema
    from .core.detector import Detector as Detector
    from .core.event import Event as Event
    from .core.io import Sink as Sink
    from .core.io import Source as Source
    from .core.operator import FeatureMap as FeatureMap
    from .core.operator import Operator as Operator
    from .engines.local import LocalEngine as LocalEngine
    from .pipeline import Pipeline as Pipeline
    from .runfile import RunFile as RunFile

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_exports(__name__)
__all__ += ["__version__"]
