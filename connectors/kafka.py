"""Kafka: the rows of a topic, and a topic of rows, findings and dead letters."""

from ._kafka_sink import KafkaSink, redrive
from ._kafka_source import KafkaSource

__all__ = ["KafkaSink", "KafkaSource", "redrive"]

# The catalog knows a component by the file that it is offered in.
redrive.__module__ = KafkaSink.__module__ = KafkaSource.__module__ = __name__
