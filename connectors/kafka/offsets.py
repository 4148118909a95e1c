"""Log end offsets of the partitions of a topic: lag and liveness of the broker."""

import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from kafka import TopicPartition

from streamlyt.core.errors import SourceError
from streamlyt.core.protocols import ENDED

__all__ = ["PartitionOffsets", "check_offset_available", "committed_position", "partitions_of"]

log = logging.getLogger("streamlyt.kafka")

_REFRESH_S, _ANSWER_MS = 1.0, 2000  # detect a lost broker within 5 s


class PartitionOffsets:
    """Log end offsets of the partitions of a consumer, refreshed at intervals.

    Parameters
    ----------
    consumer
        The consumer of kafka-python.
    """

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._ends: dict[Any, int] = {}
        self._refreshed_at = monotonic()

    def refresh(self) -> None:
        """Query the broker at intervals while no message arrives, to detect its loss.

        Raises
        ------
        KafkaError
            If no broker answers.
        """
        if monotonic() - self._refreshed_at >= _REFRESH_S:
            parts = self._consumer.assignment()
            self._ends = self._consumer.end_offsets(parts, timeout_ms=_ANSWER_MS)
            self._refreshed_at = monotonic()

    def lag(self, position: Mapping[str, Any]) -> int:
        """Return the number of messages after a position in the assigned partitions."""
        lag = 0
        for part in self._consumer.assignment():
            ends = self._consumer.highwater(part), self._ends.get(part)
            offset = position.get(str(part.partition))
            if offset is not None:
                last = max([int(offset), *(end for end in ends if end is not None)])
                lag += last - int(offset)
        return lag

    def keep_alive(self) -> None:
        """Poll with all partitions paused, so that the group keeps this member."""
        active = self._consumer.assignment() - self._consumer.paused()
        self._consumer.pause(*active)
        self._consumer.poll(0)
        self._consumer.resume(*(active & self._consumer.assignment()))
        self.refresh()


def check_offset_available(part: Any, offset: int, first: int, last: int) -> int:
    """Return the first available offset from ``offset`` on; log deleted messages."""
    if offset > last:
        raise SourceError(
            f"position of {part.topic!r}, partition {part.partition}, must be at most its end "
            f"{last}, got {offset}; the topic was recreated: start a new run"
        )
    if offset < first:
        log.warning("%s: offsets %d to %d are no longer on the broker", part, offset, first - 1)
    return max(offset, first)


def committed_position(consumer: Any, parts: Sequence[Any], timeout_ms: int) -> dict[str, int]:
    """Return the committed offset of each partition, and ``ENDED`` if all were read to the end.

    The transaction with the last output of a run puts that word into the metadata.
    """
    saved = [consumer.committed(part, metadata=True, timeout_ms=timeout_ms) for part in parts]
    position = {
        str(part.partition): int(each.offset)
        for part, each in zip(parts, saved, strict=True)
        if each is not None
    }
    ended = bool(position) and all(each is not None and each.metadata == ENDED for each in saved)
    return position | ({ENDED: 0} if ended else {})


def partitions_of(consumer: Any, topic: str, servers: str) -> list[TopicPartition]:
    """Return the partitions of a topic, in order.

    Raises
    ------
    SourceError
        If the topic does not exist.
    """
    partitions = consumer.partitions_for_topic(topic)
    if not partitions:
        raise SourceError(f"no topic {topic!r} at {servers}; create it or name another")
    return [TopicPartition(topic, i) for i in sorted(partitions)]
