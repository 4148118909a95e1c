"""Kafka source: rows of a topic, standalone or in a consumer group."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from kafka import KafkaConsumer, OffsetAndMetadata
from kafka.errors import KafkaError

from streamlyt.core import Batch, DeadLetter, Position, Schema, Source
from streamlyt.core.errors import ParameterError, RebalanceError, SourceError, noting
from streamlyt.core.protocols import ENDED

from .decoding import DecodedBatch, codec_of, decode_batches, group_messages, schema_of
from .missing_values import MissingValuePolicy
from .offsets import PartitionOffsets, check_offset_available, committed_position, partitions_of
from .rebalance import RebalanceListener
from .security import client_options, explain_kafka_error, librdkafka_options, reading_options

__all__ = ["KafkaSource"]

_POLL_MS = 200  # without rows this long, a heartbeat lets the engine look at its clock
_ASSIGN_POLL_MS, _COMMIT_MS = 100, 5000
_COMMITTED_MS = 20_000  # longer open transactions of other members raise an error
_OFFSET_RESETS = ("earliest", "latest")
_REASSIGNED = "partition assignment changed; rewinding to the last checkpoint"

log = logging.getLogger("streamlyt.kafka")


class KafkaSource(Source):
    """Rows of the messages of one topic; the key of a message names its series.

    A position maps each partition to the offset of the next message. The engine collects
    undecodable messages with :meth:`take_dead_letters`. Messages are fetched on demand, so that a
    slow sink causes backpressure and memory stays bounded.

    Parameters
    ----------
    topic
        Name of the topic.
    columns
        Names of the fields that become channels.
    bootstrap_servers
        Bootstrap servers, comma-separated ``host:port``.
    codec
        Name of a codec, such as ``"json"`` or ``"avro"``; or a table of its type and parameters.
    time_column
        Field with the time of a row. None: the timestamp of the message.
    key_column
        Field that identifies the series of a row. None: the message key.
    time_unit
        Unit of numbers in the time field: ``"ns"``, ``"us"``, ``"ms"``, ``"s"`` or ``"step"``.
    missing
        Policy for rows with missing values: ``"pass"``, ``"drop"``, or ``"dead_letter"``, which
        moves them to a dead letter. Or a mapping by channel; others pass.
    group_id
        Consumer group whose members share the partitions. None: all partitions are read.
    group_instance_id
        Static member id: its partitions stay assigned for ``session_timeout_s``.
    session_timeout_s
        Time after which the group removes a member without heartbeats.
    auto_offset_reset
        ``"earliest"`` or ``"latest"``: first offset if there is no position.
    follow
        Whether to keep reading at the end of the topic.
    max_poll_records
        Maximum messages per poll.
    security
        Client security; see :func:`client_options` for the keys.

    Attributes
    ----------
    n_dead_letters, n_dropped_rows, n_rejected_rows
        Dead letters, and rows dropped and rejected for missing values, so far.

    Raises
    ------
    ParameterError
        If a parameter is invalid.
    SourceError
        While reading: if the topic does not exist, or the broker is unreachable.

    Notes
    -----
    Rows of one partition are in order. Only committed messages are read.
    """

    reloadable_params = frozenset(
        ("bootstrap_servers", "security", "group_instance_id", "session_timeout_s", "follow")
    ) | {"max_poll_records"}

    def __init__(
        self,
        topic: str,
        columns: Sequence[str],
        *,
        bootstrap_servers: str = "127.0.0.1:9092",
        codec: str | dict[str, Any] = "json",
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ms",
        missing: str | dict[str, str] = "pass",
        group_id: str | None = None,
        group_instance_id: str | None = None,
        session_timeout_s: float = 10.0,
        auto_offset_reset: str = "earliest",
        follow: bool = True,
        max_poll_records: int = 2000,
        security: Mapping[str, str] | None = None,
    ) -> None:
        if auto_offset_reset not in _OFFSET_RESETS:
            raise ParameterError(
                f"auto_offset_reset must be earliest or latest, got {auto_offset_reset!r}"
            )
        minimum_1 = {"max_poll_records": max_poll_records, "session_timeout_s": session_timeout_s}
        for name, value in minimum_1.items():
            if value < 1:
                raise ParameterError(f"{name} must be at least 1, got {value!r}")
        if group_instance_id is not None and group_id is None:
            raise ParameterError(
                f"group_instance_id needs group_id, got {group_instance_id!r} and none; set it"
            )
        self.topic, self.columns = topic, list(columns)
        self.bootstrap_servers, self.security = bootstrap_servers, security
        self.codec, self.time_unit, self.missing = codec, time_unit, missing
        self.time_column, self.key_column = time_column, key_column
        self.group_id, self.group_instance_id = group_id, group_instance_id
        self.session_timeout_s = session_timeout_s
        self.auto_offset_reset, self.follow = auto_offset_reset, follow
        self.max_poll_records = max_poll_records
        self.n_dead_letters = self.n_dropped_rows = self.n_rejected_rows = 0
        self._policy = MissingValuePolicy(missing, self.columns)
        fields = {"columns": self.columns, "time_column": time_column, "key_column": key_column}
        self._codec = codec_of(codec, time_unit=time_unit, **fields)
        self._schema = schema_of(self._codec)
        self._options = client_options(bootstrap_servers, security)
        self._consumer: Any = None
        self._listener, self._interrupted = RebalanceListener(), False
        self._known: list[str] | None = None  # assigned partitions that the reader knows
        self._parts: dict[str, str] = {}
        self._log_ends: PartitionOffsets | None = None
        self._position: dict[str, Any] = {}  # of the current read
        self._dead_letters: list[DeadLetter] = []

    @property
    def schema(self) -> Schema:
        """Schema of the columns; times in nanoseconds or steps."""
        return self._schema

    def read(
        self, start: Position | None = None, stop: Position | None = None
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches of one series each, and a heartbeat while no message arrives.

        Parameters
        ----------
        start
            Partition -> offset of the first message.
        stop
            Partition -> end offset, exclusive; only these are read. None: see ``follow``.

        Raises
        ------
        RebalanceError
            If the partition assignment changed: read again from the last checkpoint.
        """
        with self._failures():
            consumer = self._get_consumer()
            position = self._position = dict(start or {})
            owned = self._assigned()
            if self._known is not None and self._known != [str(part.partition) for part in owned]:
                raise RebalanceError(_REASSIGNED)
            ends = self._end_offsets(owned, stop)
            first, last = consumer.beginning_offsets(owned), consumer.end_offsets(owned)
            for part in owned:
                known = position.get(str(part.partition))
                offset = self._first(part, stop is not None) if known is None else int(known)
                offset = check_offset_available(part, offset, first[part], last[part])
                consumer.seek(part, offset)
                position[str(part.partition)] = offset
            excluded = [part for part in owned if ends is not None and part not in ends]
            consumer.pause(*excluded)
            consumer.resume(*(part for part in owned if part not in excluded))
        remaining = ends
        while remaining is None or (remaining := self._unfinished(remaining, position)):
            with self._failures():
                polled = consumer.poll(_POLL_MS, max_records=self.max_poll_records)
                if self._listener.changed:
                    raise RebalanceError(_REASSIGNED)
            for part, records in polled.items():
                yield from self._rows(records, part, remaining, position)
            if remaining is not None and not polled:
                with self._failures():
                    self._skip_markers(remaining, position)
            if not polled and self._log_ends is not None:
                with self._failures():
                    self._log_ends.refresh()
                yield self._heartbeat(), dict(position)

    def assigned_partitions(self) -> list[str]:
        """Return the assigned partitions, after the group has assigned them."""
        with self._failures():
            self._get_consumer()
            self._known = [str(part.partition) for part in self._assigned()]
        return self._known

    def partition_of(self, key: str) -> str | None:
        """Return the partition of the last row of a series."""
        return self._parts.get(key)

    def lag(self) -> int | None:
        """Return the number of unread messages in the assigned partitions."""
        return None if self._log_ends is None else self._log_ends.lag(self._position)

    def keep_alive(self) -> None:
        """Stay a member of the group without reading, during backpressure."""
        if self._log_ends is not None and not self._listener.changed:
            with self._failures():
                self._log_ends.keep_alive()

    def wakeup(self) -> None:
        """Stop waiting for the partition assignment; callable from any thread."""
        self._interrupted = True

    def take_dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters since the last call."""
        dead_letters, self._dead_letters = self._dead_letters, []
        return dead_letters

    def position_of_row(self, number: int) -> Position:
        """Return the position at an offset, or at the end of shorter partitions."""
        if self.group_id is not None:
            raise SourceError(
                f"group_id must be None to start at an offset, got {self.group_id!r}; leave it out"
            )
        with self._failures():
            ends = self._get_consumer().end_offsets(self._assigned())
        return {str(part.partition): min(number, end) for part, end in ends.items()}

    @property
    def client_config(self) -> dict[str, Any]:
        """Client options for librdkafka."""
        return librdkafka_options(self.bootstrap_servers, self.security)

    def decode_messages(self, records: Sequence[Any]) -> DecodedBatch:
        """Decode messages of one partition, fetched by any consumer, and count the result."""
        decoded = decode_batches(records, self._codec, self._schema, self._policy)
        for letter in decoded.dead_letters:
            if self.n_dead_letters == 0:
                log.warning("offset %d of %s: %s", letter.offset, letter.topic, letter.reason)
            self.n_dead_letters += 1
        self.n_dropped_rows += decoded.dropped
        self.n_rejected_rows += decoded.rejected
        return decoded

    def committed(self) -> dict[str, int]:
        """Return the committed position of the group, for the assigned partitions."""
        if self.group_id is None:
            raise ParameterError("group_id must be given for transactions, got None; set it")
        with self._failures():
            consumer = self._get_consumer()
            parts = self._assigned()  # waits for the open transaction of a dead member
            return committed_position(consumer, parts, _COMMITTED_MS)

    def commit(self, position: Position) -> None:
        """Commit the position to the group; without a group do nothing."""
        if self.group_id is None or self._consumer is None:
            return
        try:
            self._consumer.commit(self._client_offsets(position), timeout_ms=_COMMIT_MS)
        except KafkaError as error:
            # The run file has the position: the next commit catches up.
            log.warning("group %s: position not committed: %s", self.group_id, error)

    def offsets(self, position: Position) -> dict[Any, Any]:
        """Return a position as client offsets, for the assigned partitions.

        Raises
        ------
        RebalanceError
            If the partition assignment changed.
        """
        if self._listener.changed:
            raise RebalanceError(_REASSIGNED)
        return self._client_offsets(position)

    def _client_offsets(self, position: Position) -> dict[Any, Any]:
        end = ENDED if ENDED in position else ""
        return {
            part: OffsetAndMetadata(int(position[str(part.partition)]), end, -1)
            for part in self._consumer.assignment()
            if str(part.partition) in position
        }

    @property
    def membership(self) -> Any:
        """Group metadata for transactions, which fences other members."""
        return self._consumer.group_metadata()

    def close(self) -> None:
        """Leave the group and close the connections."""
        consumer, self._consumer = self._consumer, None
        self._log_ends = self._known = None
        self._listener.changed = False
        if consumer is not None:
            with self._failures():
                consumer.close(autocommit=False, timeout_ms=2000)

    def _rows(
        self, records: Sequence[Any], part: Any, ends: Any, position: dict[str, Any]
    ) -> Iterator[tuple[Batch, Position | None]]:
        if ends is not None:
            records = [record for record in records if record.offset < ends.get(part, 0)]
        if not records:
            return
        for group in group_messages(records, self._codec):
            decoded = self.decode_messages(group)
            self._dead_letters += decoded.dead_letters
            position[str(part.partition)] = group[-1].offset + 1
            self._parts.update((batch.key, str(part.partition)) for batch in decoded.batches)
            last = len(decoded.batches) - 1
            for i, batch in enumerate(decoded.batches):
                yield batch, dict(position) if i == last else None
            if not decoded.batches:
                yield self._heartbeat(), dict(position)

    def _get_consumer(self) -> Any:
        if self._consumer is None:
            group = self.group_id, self.group_instance_id, self.session_timeout_s
            reading = reading_options(*group, self.auto_offset_reset, self.max_poll_records)
            self._consumer = KafkaConsumer(**self._options | reading)
            self._log_ends = PartitionOffsets(self._consumer)
            try:
                parts = partitions_of(self._consumer, self.topic, self.bootstrap_servers)
                if self.group_id is not None:
                    self._consumer.subscribe([self.topic], listener=self._listener)
                else:
                    self._consumer.assign(parts)
            except BaseException as error:  # a consumer without partitions would poll forever
                with noting(error, "its consumer could not be closed"):
                    self.close()
                raise
        return self._consumer

    def _assigned(self) -> list[Any]:
        """Return the assigned partitions; in a group wait for the assignment."""
        while self.group_id is not None and (
            self._listener.changed or not self._consumer.assignment()
        ):
            if self._interrupted:
                self._interrupted = False
                raise RebalanceError("interrupted while waiting for the partition assignment")
            self._listener.changed = False
            self._consumer.pause(*self._consumer.assignment())
            self._consumer.poll(_ASSIGN_POLL_MS)
        return sorted(self._consumer.assignment())

    def _first(self, part: Any, from_the_start: bool) -> int:
        """Return the first offset of a partition without a position."""
        committed = None if self.group_id is None else self._consumer.committed(part)
        if committed is not None and not (from_the_start and self.auto_offset_reset == "earliest"):
            return int(committed)
        method = "beginning_offsets" if self.auto_offset_reset == "earliest" else "end_offsets"
        return int(getattr(self._consumer, method)([part])[part])

    def _end_offsets(self, owned: Sequence[Any], stop: Position | None) -> dict[Any, int] | None:
        if stop is not None:
            return {p: int(stop[str(p.partition)]) for p in owned if str(p.partition) in stop}
        return None if self.follow else dict(self._consumer.end_offsets(owned))

    def _unfinished(self, ends: Mapping[Any, int], position: Position) -> dict[Any, int]:
        return {part: end for part, end in ends.items() if int(position[str(part.partition)]) < end}

    def _skip_markers(self, ends: Mapping[Any, int], position: dict[str, Any]) -> None:
        """Advance past transaction markers, which use offsets but are not messages."""
        for part in ends:
            position[str(part.partition)] = max(
                int(position[str(part.partition)]), self._consumer.position(part) or 0
            )

    def _heartbeat(self) -> Batch:
        none = np.empty((0, self._schema.n_channels))
        return Batch("", np.empty(0, np.int64), none, self._schema)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise SourceError(
                f"topic {self.topic!r} at {self.bootstrap_servers} cannot be read: "
                f"{explain_kafka_error(error)}"
            ) from error
