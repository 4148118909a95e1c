"""Findings in a Kafka topic, as the sink writes them, and the fields of its messages."""

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

_MOST = 500  # findings taken at once
_LOOK_MS = 1000

log = logging.getLogger("streamlyt.kafka")


class KafkaEventReader:
    """The findings in a topic, in the order in which each partition has them.

    Parameters
    ----------
    topic
        Its name: the ``events`` of a :class:`KafkaSink`.
    servers, access
        As for the source.
    start
        Partition -> offset of the first message; the beginning of those not named.

    Attributes
    ----------
    n_refused
        Messages that are no findings.

    Raises
    ------
    SourceError
        If there is no such topic, or the broker cannot be found.
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
                at = (start or {}).get(str(part.partition))
                if at is None:
                    self._consumer.seek_to_beginning(part)
                else:
                    self._consumer.seek(part, int(at))
        self.position: dict[str, int] = {k: int(v) for k, v in (start or {}).items()}

    def poll(self) -> list[Event]:
        """Return the findings that have come since the last call; waits for none.

        Raises
        ------
        SourceError
            If the topic cannot be read.
        """
        with _failures(self.topic, self.servers):
            polled = self._consumer.poll(0, max_records=_MOST)
        found = []
        for part, records in polled.items():
            for record in records:
                self.position[str(part.partition)] = record.offset + 1
                if record.value is not None and (event := self._read(record)) is not None:
                    found.append(event)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(autocommit=False, timeout_ms=2000)

    def _read(self, record: Any) -> Event | None:
        try:
            return Event.from_dict(json.loads(record.value))
        except (ValueError, TypeError, KeyError, AttributeError, StreamlytError) as problem:
            if self.n_dead_letters == 0:
                log.warning("offset %d of %s is no finding: %r", record.offset, self.topic, problem)
            self.n_dead_letters += 1
            return None


def message_fields(
    topic: str, servers: str = "127.0.0.1:9092", access: Mapping[str, str] | None = None
) -> list[str] | None:
    """Return the names of the fields of a topic's first message, None where it has none yet.

    Raises
    ------
    SourceError
        If there is no such topic, it cannot be read, or its messages are no objects of JSON.
    """
    with _failures(topic, servers):
        consumer, parts = _opened(topic, servers, access)
        try:
            consumer.seek_to_beginning(*parts)
            polled = consumer.poll(_LOOK_MS, max_records=1)
        finally:
            consumer.close(autocommit=False, timeout_ms=2000)
    first = [record.value for records in polled.values() for record in records if record.value]
    if not first:
        return None
    try:
        read = json.loads(first[0])
        read = read[0] if isinstance(read, list) and read else read
        if not isinstance(read, dict):
            raise TypeError("it is no object")
    except (ValueError, TypeError) as problem:
        raise SourceError(
            f"the messages of {topic!r} must be objects of JSON for their columns to be found "
            f"({problem}); name the columns, and the codec"
        ) from problem
    return list(read)


def _opened(
    topic: str, servers: str, access: Mapping[str, str] | None
) -> tuple[Any, list[TopicPartition]]:
    options = client_options(servers, access)
    consumer = KafkaConsumer(**options | reading_options(None, None, 10.0, "earliest", _MOST))
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
            f"the topic {topic!r} at {servers} cannot be read: {explain_kafka_error(error)}"
        ) from error
