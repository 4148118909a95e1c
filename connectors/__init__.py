"""Outside systems, one file each: where rows come from and where findings go."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .files import FileSource
    from .kafka import KafkaSink, KafkaSource
    from .memory import MemorySink, MemorySource
    from .trajectories import TrajectorySource

__all__ = [
    "FileSource",
    "KafkaSink",
    "KafkaSource",
    "MemorySink",
    "MemorySource",
    "TrajectorySource",
]

_HOMES = {
    "FileSource": "files",
    "KafkaSink": "kafka",
    "KafkaSource": "kafka",
    "MemorySink": "memory",
    "MemorySource": "memory",
    "TrajectorySource": "trajectories",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
