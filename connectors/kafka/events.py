"""Read events from a Kafka topic, and inspect the fields of its messages."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streamlyt.core import Event, Position
from streamlyt.core.errors import SourceError, StreamlytError, noting

from .offsets import partitions_of
from .security import client_options, explain_kafka_error, reading_options

__all__ = ["KafkaEventReader", "message_fields"]

_MAX_RECORDS = 500  # per poll
_FIRST_MESSAGE_MS = 1000

log = logging.getLogger("streamlyt.kafka")


class KafkaEventReader:
    """Reader of the events in a topic, in the order of each partition.

    Parameters
    ----------
    topic
        The ``events`` topic of a :class:`KafkaSink`.
    servers, access
        See :class:`KafkaSource`.
    start
        Partition -> offset of the first message. Other partitions start at the beginning.

    Attributes
    ----------
    n_dead_letters
        Number of messages that are not events.

    Raises
    ------
    SourceError
        If the topic does not exist, or the broker cannot be reached.
    """

    def __init__(
        self,
        topic: str,
        servers: str = "127.0.0.1:9092",
        access: Mapping[str, str] | None = None,
        start: Position | None = None,
    ) -> None:
        self.topic, self.servers = topic, servers
        self.n_dead_letters = 0
        with _failures(topic, servers):
            self._consumer, parts = _opened(topic, servers, access)
            for part in parts:
                offset = (start or {}).get(str(part.partition))
                if offset is None:
                    self._consumer.seek_to_beginning(part)
                else:
                    self._consumer.seek(part, int(offset))
        self.position: dict[str, int] = {k: int(v) for k, v in (start or {}).items()}

    def poll(self) -> list[Event]:
        """Return the events since the last call, without waiting.

        Raises
        ------
        SourceError
            If the topic cannot be read.
        """
        with _failures(self.topic, self.servers):
            polled = self._consumer.poll(0, max_records=_MAX_RECORDS)
        events = []
        for part, records in polled.items():
            for record in records:
                self.position[str(part.partition)] = record.offset + 1
                if record.value is not None and (event := self._read(record)) is not None:
                    events.append(event)
        return events

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(autocommit=False, timeout_ms=2000)

    def _read(self, record: Any) -> Event | None:
        try:
            return Event.from_dict(json.loads(record.value))
        except (ValueError, TypeError, KeyError, AttributeError, StreamlytError) as error:
            if self.n_dead_letters == 0:
                log.warning("offset %d of %s is not an event: %r", record.offset, self.topic, error)
            self.n_dead_letters += 1
            return None


def message_fields(
    topic: str, servers: str = "127.0.0.1:9092", access: Mapping[str, str] | None = None
) -> list[str] | None:
    """Return the field names of the first message of a topic; None if it is empty.

    Raises
    ------
    SourceError
        If the topic does not exist or cannot be read, or its messages are not JSON objects.
    """
    with _failures(topic, servers):
        consumer, parts = _opened(topic, servers, access)
        try:
            consumer.seek_to_beginning(*parts)
            polled = consumer.poll(_FIRST_MESSAGE_MS, max_records=1)
        finally:
            consumer.close(autocommit=False, timeout_ms=2000)
    first = [record.value for records in polled.values() for record in records if record.value]
    if not first:
        return None
    try:
        read = json.loads(first[0])
        read = read[0] if isinstance(read, list) and read else read
        if not isinstance(read, dict):
            raise TypeError(f"got a {type(read).__name__}")
    except (ValueError, TypeError) as error:
        raise SourceError(
            f"messages of {topic!r} must be JSON objects to infer their columns ({error}); name "
            f"the columns and the codec"
        ) from error
    return list(read)


def _opened(
    topic: str, servers: str, access: Mapping[str, str] | None
) -> tuple[Any, list[TopicPartition]]:
    options = client_options(servers, access)
    consumer = KafkaConsumer(
        **options | reading_options(None, None, 10.0, "earliest", _MAX_RECORDS)
    )
    try:
        parts = partitions_of(consumer, topic, servers)
    except BaseException as error:
        with noting(error, "its consumer could not be closed"):
            consumer.close(autocommit=False, timeout_ms=2000)
        raise
    consumer.assign(parts)
    return consumer, parts


@contextmanager
def _failures(topic: str, servers: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise SourceError(
            f"topic {topic!r} at {servers} cannot be read: {explain_kafka_error(error)}"
        ) from error
