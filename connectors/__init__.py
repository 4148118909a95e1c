"""Outside systems, one file each: where rows come from and where findings go."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .files import FileSink as FileSink
    from .files import FileSource as FileSource
    from .kafka import KafkaFindings as KafkaFindings
    from .kafka import KafkaSink as KafkaSink
    from .kafka import KafkaSource as KafkaSource
    from .kafka import fields_of as fields_of
    from .kafka import redrive as redrive
    from .memory import MemorySink as MemorySink
    from .memory import MemorySource as MemorySource
    from .trajectories import TrajectorySource as TrajectorySource

__getattr__, __dir__, __all__ = lazy_names(__name__)
