"""Base types and classes that all other packages use."""

from typing import TYPE_CHECKING

from .lazy import lazy_exports

if TYPE_CHECKING:
    from ._detection.alarms import AlarmPolicy as AlarmPolicy
    from ._detection.attribution import ChangeLocator as ChangeLocator
    from .batch import Batch as Batch
    from .batch import Channel as Channel
    from .batch import Schema as Schema
    from .batch import split_unordered as split_unordered
    from .component import Component as Component
    from .detector import Detector as Detector
    from .event import Event as Event
    from .forecaster import Forecaster as Forecaster
    from .io import DeadLetter as DeadLetter
    from .io import Position as Position
    from .io import Sink as Sink
    from .io import Source as Source
    from .learner import Learner as Learner
    from .numerics.arrays import Array as Array
    from .numerics.arrays import Floats as Floats
    from .operator import FeatureMap as FeatureMap
    from .operator import Operator as Operator

__getattr__, __dir__, __all__ = lazy_exports(__name__)
