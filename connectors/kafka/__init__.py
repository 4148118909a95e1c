"""Kafka: rows from a topic; rows, events and dead letters to topics."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .events import KafkaEventReader as KafkaEventReader
    from .events import message_fields as message_fields
    from .redrive import redrive_dead_letters as redrive_dead_letters
    from .sink import KafkaSink as KafkaSink
    from .source import KafkaSource as KafkaSource

__getattr__, __dir__, __all__ = lazy_exports(__name__)
