"""Sources and sinks: files, Kafka, trajectories and memory."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .files.sink import FileSink as FileSink
    from .files.source import FileSource as FileSource
    from .kafka.events import KafkaEventReader as KafkaEventReader
    from .kafka.events import message_fields as message_fields
    from .kafka.redrive import redrive_dead_letters as redrive_dead_letters
    from .kafka.sink import KafkaSink as KafkaSink
    from .kafka.source import KafkaSource as KafkaSource
    from .memory import MemorySink as MemorySink
    from .memory import MemorySource as MemorySource
    from .trajectories.source import TrajectorySource as TrajectorySource

__getattr__, __dir__, __all__ = lazy_exports(__name__)
