"""Kafka: the rows of a topic, and a topic of rows, findings and dead letters."""

from ._kafka_findings import KafkaFindings, fields_of
from ._kafka_sink import KafkaSink, redrive
from ._kafka_source import KafkaSource

__all__ = ["KafkaFindings", "KafkaSink", "KafkaSource", "fields_of", "redrive"]

# The catalog knows a component by the file that it is offered in.
KafkaFindings.__module__ = fields_of.__module__ = __name__
redrive.__module__ = KafkaSink.__module__ = KafkaSource.__module__ = __name__
