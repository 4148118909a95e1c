"""Rows of a Kafka topic, from a position on, alone or in a consumer group."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from kafka import KafkaConsumer, OffsetAndMetadata
from kafka.errors import KafkaError

from streamlyt.core import Batch, DeadLetter, Position, Schema, Source
from streamlyt.core.errors import ParameterError, RebalanceError, SourceError, noting

from .decoding import DecodedBatch, codec_of, decode_batches, group_messages, schema_of
from .missing_values import MissingValuePolicy
from .offsets import PartitionOffsets, check_offset_available, partitions_of
from .rebalance import RebalanceListener
from .security import client_options, explain_kafka_error, librdkafka_options, reading_options

__all__ = ["KafkaSource"]

_POLL_MS = 200  # without rows this long, a heartbeat lets the engine look at its clock
_ASSIGN_POLL_MS = 100
_COMMIT_MS = 5000
_SETTLED_MS = 20_000  # transactions of others that are open longer are told of
_BEGIN = ("earliest", "latest")

log = logging.getLogger("streamlyt.kafka")


class KafkaSource(Source):
    """Rows of the messages of one topic; the key of a message names its series.

    A position holds, for each partition, the offset of the next message. Messages that cannot be
    decoded stop nothing: the engine takes them from :meth:`refused`. Nothing is fetched before it
    is asked for, so a slow sink holds the source up and no memory grows.

    Parameters
    ----------
    topic
        Its name.
    columns
        Names of the fields that are the channels.
    servers
        Addresses of brokers, ``host:port``, with commas between.
    codec
        Name of a codec (``"json"``, ``"csv"``, ``"msgpack"``, ``"avro"``, ``"arrow"``), or a
        table of its name and its own parameters.
    time
        Field with the time of a row; where None, the timestamp of its message.
    key
        Field that names the series of a row; where None, the key of its message.
    time_unit
        What numbers in the field of the time count: ``"ns"``, ``"us"``, ``"ms"``, ``"s"``
        or ``"step"``.
    holes
        What becomes of rows with a hole (null, NaN): ``"pass"`` hands them on, ``"drop"`` leaves
        them out, ``"refuse"`` makes them a dead letter. Or channel -> its own of these, others
        pass. The other rows of their message stay in any case.
    group
        Consumer group whose members share the partitions; where None, all are read.
    member
        Name of this member of the group, kept over restarts (static membership): partitions then
        wait for it for ``session_timeout_s`` and do not move.
    session_timeout_s
        How long the group waits for a member that is silent.
    begin
        ``"earliest"`` or ``"latest"``: where to begin where no position is known.
    follow
        Whether to go on at the end of the topic; else the source ends where that end was when
        reading began.
    batch_messages
        Most messages that are decoded together.
    access
        How to get in: ``tls``, ``ca``, ``certificate``, ``private_key``, ``sasl``, ``user`` and
        ``secret`` (``"env:NAME"`` or ``"file:PATH"``).

    Attributes
    ----------
    n_refused, n_holes, n_refused_rows
        Messages that could not be decoded, rows dropped and rows refused for a hole, since the
        source was made.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.
    SourceError
        While reading: if there is no such topic, the broker lets nobody in, or cannot be found.

    Notes
    -----
    Rows of one series come in order if all are in one partition, as those of one message key are.
    Only messages of committed transactions are read.
    """

    reloadable_params = frozenset(
        {"servers", "access", "member", "session_timeout_s", "follow", "batch_messages"}
    )

    def __init__(
        self,
        topic: str,
        columns: Sequence[str],
        *,
        servers: str = "127.0.0.1:9092",
        codec: str | dict[str, Any] = "json",
        time: str | None = None,
        key: str | None = None,
        time_unit: str = "ms",
        holes: str | dict[str, str] = "pass",
        group: str | None = None,
        member: str | None = None,
        session_timeout_s: float = 10.0,
        begin: str = "earliest",
        follow: bool = True,
        batch_messages: int = 2000,
        access: Mapping[str, str] | None = None,
    ) -> None:
        if begin not in _BEGIN:
            raise ParameterError(f"begin must be one of {list(_BEGIN)!r}, got {begin!r}")
        if batch_messages < 1 or session_timeout_s < 1:
            raise ParameterError(
                f"batch_messages and session_timeout_s must be at least 1, got {batch_messages!r} "
                f"and {session_timeout_s!r}"
            )
        if member is not None and group is None:
            raise ParameterError(f"member must go with a group, got {member!r} and no group")
        self.topic, self.columns = topic, list(columns)
        self.servers, self.access = servers, access
        self.codec, self.time, self.key, self.time_unit = codec, time, key, time_unit
        self.holes = holes
        self.group, self.member, self.session_timeout_s = group, member, session_timeout_s
        self.begin, self.follow = begin, follow
        self.batch_messages = batch_messages
        self.n_dead_letters = self.n_dropped_rows = self.n_rejected_rows = 0
        self._policy = MissingValuePolicy(holes, self.columns)
        self._codec = codec_of(codec, columns=self.columns, time=time, key=key, time_unit=time_unit)
        self._schema = schema_of(self._codec)
        self._options = client_options(servers, access)
        self._consumer: Any = None
        self._moves, self._interrupted = RebalanceListener(), False
        self._settled: list[str] | None = None  # the partitions that whoever reads us knows of
        self._parts: dict[str, str] = {}
        self._tail: PartitionOffsets | None = None
        self._at: dict[str, Any] = {}  # the position of who reads
        self._letters: list[DeadLetter] = []

    @property
    def schema(self) -> Schema:
        """The columns; times in nanoseconds, or in steps where the time counts these."""
        return self._schema

    def read(
        self, start: Position | None = None, stop: Position | None = None
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches of one series each, and a heartbeat where no message comes.

        Parameters
        ----------
        start
            Partition -> offset of the first message.
        stop
            Partition -> offset of the message to end before; only these partitions are read.
            Where None, the source ends as ``follow`` says.

        Raises
        ------
        RebalanceError
            If partitions came or went: read again from the last position that is durable.
        """
        with self._failures():
            consumer = self._opened()
            position = self._at = dict(start or {})
            owned = self._assigned()
            if self._settled is not None and self._settled != _names(owned):
                raise RebalanceError("partitions moved between the members of the group")
            ends = self._ends(owned, stop)
            first, last = consumer.beginning_offsets(owned), consumer.end_offsets(owned)
            for part in owned:
                known = position.get(str(part.partition))
                at = self._first(part, stop is not None) if known is None else int(known)
                at = check_offset_available(part, at, first[part], last[part])
                consumer.seek(part, at)
                position[str(part.partition)] = at
            aside = [part for part in owned if ends is not None and part not in ends]
            consumer.pause(*aside)
            consumer.resume(*(part for part in owned if part not in aside))
        left = ends
        while left is None or (left := self._before(left, position)):
            with self._failures():
                polled = consumer.poll(_POLL_MS, max_records=self.batch_messages)
                if self._moves.moved:
                    raise RebalanceError("partitions moved between the members of the group")
            for part, records in polled.items():
                yield from self._rows(records, part, left, position)
            if left is not None and not polled:
                with self._failures():
                    self._skip_markers(left, position)
            if not polled and self._tail is not None:
                with self._failures():
                    self._tail.refresh()
                yield self._heartbeat(), dict(position)

    def assigned_partitions(self) -> list[str]:
        """Return the partitions that are ours, once the group has decided."""
        with self._failures():
            self._opened()
            self._settled = _names(self._assigned())
        return self._settled

    def partition_of(self, key: str) -> str | None:
        """Return the partition in which rows of a series were read last."""
        return self._parts.get(key)

    def lag(self) -> int | None:
        """Return how many messages of our partitions wait to be read."""
        return None if self._tail is None else self._tail.lag(self._at)

    def keep_alive(self) -> None:
        """Read nothing, and stay a member of the group: for while nobody takes what was read."""
        if self._tail is not None and not self._moves.moved:
            with self._failures():
                self._tail.hold()

    def wakeup(self) -> None:
        """Wait no more for the group to decide which partitions are ours; for any thread."""
        self._interrupted = True

    def take_dead_letters(self) -> list[DeadLetter]:
        """Return the messages that could not be decoded since the last call."""
        letters, self._letters = self._letters, []
        return letters

    def position_of_row(self, number: int) -> Position:
        """Return the position before the messages of an offset, in every partition that has it."""
        if self.group is not None:
            raise SourceError(f"the group {self.group!r} has a position of its own; leave it out")
        with self._failures():
            ends = self._opened().end_offsets(self._assigned())
        return {str(part.partition): min(number, end) for part, end in ends.items()}

    @property
    def client_config(self) -> dict[str, Any]:
        """What a client that is made on librdkafka is given to get in."""
        return librdkafka_options(self.servers, self.access)

    def decode_messages(self, records: Sequence[Any]) -> DecodedBatch:
        """Return what comes of messages of one partition, whoever fetched them, and count it."""
        taken = decode_batches(records, self._codec, self._schema, self._policy)
        for letter in taken.letters:
            if self.n_dead_letters == 0:
                log.warning("offset %d of %s: %s", letter.offset, letter.topic, letter.reason)
            self.n_dead_letters += 1
        self.n_dropped_rows += taken.dropped
        self.n_rejected_rows += taken.take_dead_letters
        return taken

    def committed(self) -> dict[str, int]:
        """Return the position that the group has committed, for the partitions that are ours."""
        with self._failures():
            consumer = self._opened()
            if self.group is None:
                raise ParameterError("group must be given: transactions keep positions under it")
            parts = self._assigned()  # a transaction that a dead member left open is waited for
            found = [consumer.committed(part, timeout_ms=_SETTLED_MS) for part in parts]
        return {str(p.partition): at for p, at in zip(parts, found, strict=True) if at is not None}

    def commit(self, position: Position) -> None:
        """Tell the group how far the rows are safe; without a group nobody asks."""
        if self.group is None or self._consumer is None:
            return
        try:
            self._consumer.commit(self._offsets(position), timeout_ms=_COMMIT_MS)
        except KafkaError as error:
            # The run file has it: the group only hears of it later.
            log.warning("the group %s did not take the position: %s", self.group, error)

    def offsets(self, position: Position) -> dict[Any, Any]:
        """Return a position in the words of the client, for the partitions that are ours.

        Raises
        ------
        RebalanceError
            If partitions came or went: rows of theirs may be among those before the position.
        """
        if self._moves.moved:
            raise RebalanceError("partitions moved between the members of the group")
        return self._offsets(position)

    def _offsets(self, position: Position) -> dict[Any, Any]:
        return {
            part: OffsetAndMetadata(int(position[str(part.partition)]), "", -1)
            for part in self._consumer.assignment()
            if str(part.partition) in position
        }

    @property
    def membership(self) -> Any:
        """What a transaction must know of this member, so that nobody else's are committed."""
        return self._consumer.group_metadata()

    def close(self) -> None:
        """Leave the group, and close the connections."""
        consumer, self._consumer = self._consumer, None
        self._tail = self._settled = None
        self._moves.moved = False
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
        for portion in group_messages(records, self._codec):
            taken = self.decode_messages(portion)
            self._letters += taken.letters
            position[str(part.partition)] = portion[-1].offset + 1
            self._parts.update((batch.key, str(part.partition)) for batch in taken.batches)
            last = len(taken.batches) - 1
            for i, batch in enumerate(taken.batches):
                yield batch, dict(position) if i == last else None
            if not taken.batches:
                yield self._heartbeat(), dict(position)

    def _opened(self) -> Any:
        if self._consumer is None:
            given = self.group, self.member, self.session_timeout_s, self.begin, self.batch_messages
            self._consumer = KafkaConsumer(**self._options | reading_options(*given))
            self._tail = PartitionOffsets(self._consumer)
            try:
                parts = partitions_of(self._consumer, self.topic, self.servers)
                if self.group is not None:
                    self._consumer.subscribe([self.topic], listener=self._moves)
                else:
                    self._consumer.assign(parts)
            except BaseException as error:  # one without partitions would be polled for ever
                with noting(error, "its consumer could not be closed"):
                    self.close()
                raise
        return self._consumer

    def _assigned(self) -> list[Any]:
        """Return the partitions that are ours; wait for them where the group is to decide."""
        while self.group is not None and (self._moves.moved or not self._consumer.assignment()):
            if self._interrupted:
                self._interrupted = False
                raise RebalanceError("stopped while the group had not decided yet")
            self._moves.moved = False
            self._consumer.pause(*self._consumer.assignment())
            self._consumer.poll(_ASSIGN_POLL_MS)
        return sorted(self._consumer.assignment())

    def _first(self, part: Any, from_the_start: bool) -> int:
        """Return where a partition begins of which no position is known."""
        committed = None if self.group is None else self._consumer.committed(part)
        if committed is not None and not (from_the_start and self.begin == "earliest"):
            return int(committed)
        ask = "beginning_offsets" if self.begin == "earliest" else "end_offsets"
        return int(getattr(self._consumer, ask)([part])[part])

    def _ends(self, owned: Sequence[Any], stop: Position | None) -> dict[Any, int] | None:
        if stop is not None:
            return {p: int(stop[str(p.partition)]) for p in owned if str(p.partition) in stop}
        return None if self.follow else dict(self._consumer.end_offsets(owned))

    def _before(self, ends: Mapping[Any, int], position: Position) -> dict[Any, int]:
        return {part: end for part, end in ends.items() if int(position[str(part.partition)]) < end}

    def _skip_markers(self, ends: Mapping[Any, int], position: dict[str, Any]) -> None:
        """Count the ends of transactions, which take offsets of their own and are no messages."""
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
                f"the topic {self.topic!r} at {self.servers} cannot be read: "
                f"{explain_kafka_error(error)}"
            ) from error


def _names(parts: Sequence[Any]) -> list[str]:
    return [str(part.partition) for part in parts]
