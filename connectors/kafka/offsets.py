"""Where the partitions of a topic end: how much waits there, and whether anybody answers."""

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any

from kafka import TopicPartition

from streamlyt.core.errors import SourceError

__all__ = ["PartitionOffsets", "check_offset_available", "partitions_of"]

log = logging.getLogger("streamlyt.kafka")

_ASK_S, _ANSWER_MS = 1.0, 2000  # so that a broker that is gone is known within 5 s


class PartitionOffsets:
    """Log end offsets of the partitions that a consumer reads, as last asked for.

    Parameters
    ----------
    consumer
        The consumer of kafka-python.
    """

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._seen: dict[Any, int] = {}
        self._asked_at = monotonic()

    def refresh(self) -> None:
        """Ask now and then, where nothing is read: silence alone may mean anything.

        Raises
        ------
        KafkaError
            If no broker answers.
        """
        if monotonic() - self._asked_at >= _ASK_S:
            parts = self._consumer.assignment()
            self._seen = self._consumer.end_offsets(parts, timeout_ms=_ANSWER_MS)
            self._asked_at = monotonic()

    def lag(self, position: Mapping[str, Any]) -> int:
        """Return how many messages follow a position in our partitions."""
        lag = 0
        for part in self._consumer.assignment():
            ends = self._consumer.highwater(part), self._seen.get(part)
            at = position.get(str(part.partition))
            if at is not None:
                lag += max(0, max([int(at), *(end for end in ends if end is not None)]) - int(at))
        return lag

    def hold(self) -> None:
        """Poll for nothing, so that the group does not take us for dead."""
        flowing = self._consumer.assignment() - self._consumer.paused()
        self._consumer.pause(*flowing)
        self._consumer.poll(0)
        self._consumer.resume(*(flowing & self._consumer.assignment()))
        self.refresh()


def check_offset_available(part: Any, at: int, first: int, last: int) -> int:
    """Return where a partition can be read from; say so where messages are gone."""
    if at > last:
        raise SourceError(
            f"the position {at} of {part.topic!r}, partition {part.partition}, must not be after "
            f"its end {last}: the topic is another one than before; begin a new run"
        )
    if at < first:
        log.warning("%s: offsets %d to %d are gone from the broker", part, at, first - 1)
    return max(at, first)


def partitions_of(consumer: Any, topic: str, servers: str) -> list[TopicPartition]:
    """Return the partitions of a topic, in order.

    Raises
    ------
    SourceError
        If there is no such topic.
    """
    there = consumer.partitions_for_topic(topic)
    if not there:
        raise SourceError(f"there is no topic {topic!r} at {servers}; create it, or name another")
    return [TopicPartition(topic, i) for i in sorted(there)]
