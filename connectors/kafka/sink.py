"""Rows and findings into Kafka topics, with transactions or without."""

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaProducer
from kafka.codec import has_snappy
from kafka.errors import KafkaError, KafkaTimeoutError, ProducerFencedError

from streamlyt.codecs import Codec, MessageRows
from streamlyt.codecs.json import JsonCodec
from streamlyt.core import Batch, DeadLetter, Event, Position, Schema, Sink, Source
from streamlyt.core.errors import (
    MissingDependencyError,
    ParameterError,
    SinkError,
    closing_all,
    noting,
)

from .decoding import codec_of, name_and_rest, without_levels_that_are_none
from .security import client_options, explain_kafka_error
from .source import KafkaSource
from .timeouts import ANSWER_S, Ending, call_with_timeout

__all__ = ["KafkaSink"]

Send = Callable[[str, bytes, bytes | None, list[tuple[str, bytes]]], None]


_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


_COLUMNAR_ROWS = 1024  # 64 kB of eight channels: below, what a message costs outweighs its rows


_LARGEST = 16 * 2**20  # bytes of a message; the broker has its own word on that


class KafkaSink(Sink):
    """Rows as messages of one topic, findings as JSON in another, and apart what was amiss.

    The key of each message is the name of the series, so that a series stays in one partition
    and in order.

    Parameters
    ----------
    topic
        Where rows go; None for nowhere.
    events
        Where findings go, one JSON object each.
    dead
        Where messages go that could not be decoded: their own bytes, and as headers topic,
        partition, offset and reason.
    late
        Where rows go that came too late to be put in order, in the form of the others.
    servers
        Addresses of brokers, ``host:port``, with commas between.
    codec
        Name of a codec, or a table of its name and its own parameters. A message has the time in
        the field ``time``: nanoseconds since 1970, or steps. Its timestamp is that of writing: by
        it a broker decides what is old enough to be dropped. In JSON the infinite threshold of a
        detector that still learns is null.
    message_rows
        Most rows in a message; where None, 1024 in Arrow and 1 in the other formats.
    compression
        ``"none"``, ``"gzip"``, ``"snappy"``, ``"lz4"`` or ``"zstd"``.
    transaction
        Name under which rows, findings, dead letters and the position of a Kafka source are
        committed together, all or nothing; no two processes may share it, and one that begins
        ends what the one before left open. Where None, a run that was killed writes the rows
        since its last checkpoint again.
    transaction_timeout_s
        How long a transaction may stay open. Another member of the group takes the partitions of
        one that died over when its transaction has ended so; a checkpoint that takes longer
        fails, and the run goes back to the one before.
    access
        How to get in, as for the source.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.
    MissingDependencyError
        If the compression is snappy and its library is not installed.
    SinkError
        While writing: if the broker cannot be found, or takes a message for too large; or if
        another process took the name of the transactions over.
    """

    def __init__(
        self,
        topic: str | None = None,
        *,
        events: str | None = None,
        dead: str | None = None,
        late: str | None = None,
        servers: str = "127.0.0.1:9092",
        codec: str | dict[str, Any] = "json",
        message_rows: int | None = None,
        compression: str = "none",
        transaction: str | None = None,
        transaction_timeout_s: float = 10.0,
        access: Mapping[str, str] | None = None,
    ) -> None:
        if topic is None and events is None and dead is None and late is None:
            raise ParameterError(
                "topic, events, dead or late must be given: there is nothing to write"
            )
        if compression not in _COMPRESSIONS:
            raise ParameterError(
                f"compression must be one of {list(_COMPRESSIONS)!r}, got {compression!r}"
            )
        if compression == "snappy" and not has_snappy():
            raise MissingDependencyError("snappy", "snappy")
        if message_rows is not None and message_rows < 1:
            raise ParameterError(f"message_rows must be at least 1, got {message_rows!r}")
        if not transaction_timeout_s >= 1:
            raise ParameterError(
                f"transaction_timeout_s must be at least 1, got {transaction_timeout_s!r}"
            )
        self.topic, self.events, self.dead, self.late = topic, events, dead, late
        self.servers, self.access = servers, access
        self.codec, self.message_rows = codec, message_rows
        self.compression = compression
        self.transaction, self.transaction_timeout_s = transaction, transaction_timeout_s
        name, _ = name_and_rest(codec)
        self._cut = message_rows or (_COLUMNAR_ROWS if name == "arrow" else 1)
        self._options = client_options(servers, access)
        self._codecs: dict[Schema, Codec] = {}
        self._seen: tuple[Schema, Codec] | None = None
        self._producer: Any = None
        self._diverted: Send | None = None
        self._begun = False
        self._given_up = False  # a transaction's request was never answered
        self._committed: dict[str, int] = {}  # partition -> offset, as this member of the group
        self._member: tuple[Any, ...] | None = None
        self._sent: list[Any] = []  # since the last flush

    def topics(self) -> list[str]:
        """Return the topics that it writes."""
        every = (self.topic, self.events, self.dead, self.late)
        return [topic for topic in every if topic is not None]

    def use_producer(self, send: Send) -> None:
        """Hand messages to another producer from now on, and open none of our own.

        Parameters
        ----------
        send
            Takes topic, value, key and headers of a message.
        """
        self._diverted = send

    @property
    def is_transactional(self) -> bool:
        """Whether output and positions are committed together."""
        return self.transaction is not None

    def write_rows(self, batch: Batch) -> None:
        """Take rows."""
        self._write(batch, self.topic)

    def write_late_rows(self, batch: Batch) -> None:
        """Take rows that came too late to be put in order."""
        self._write(batch, self.late)

    def write_event(self, event: Event) -> None:
        """Take a finding."""
        if self.events is not None:
            found = json.dumps(event.to_dict(), allow_nan=False).encode()
            self._send(self.events, found, event.key.encode())

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Take a message that could not be decoded."""
        if self.dead is not None:
            self._send(self.dead, letter.value, letter.key, _headers(letter))

    def flush(self) -> None:
        """Return when the brokers have all that was taken."""
        if self._producer is None:
            return
        with self._failures():
            self._producer.flush()
        self._settle()

    def init_transactions(self) -> None:
        """End what another process of the same name left open; that process can do no more."""
        with self._failures():
            self._opened()

    def commit_transaction(self, source: Source, position: Position) -> None:
        """Commit what was taken since the last time, and the position of the source.

        Parameters
        ----------
        source
            A Kafka source with a group.
        position
            Partition -> offset of the next message.

        Raises
        ------
        SinkError
            If the position is before one that the group has committed, as the messages between
            the two would come out twice; or if the brokers do not take it.
        """
        if not isinstance(source, KafkaSource):
            raise SinkError(f"transactions need a Kafka source, got {type(source).__name__}")
        with self._failures():
            producer = self._begin()
            producer.flush(timeout=ANSWER_S)
        self._settle()
        with self._failures():
            offsets = source.offsets(position)
            to = {str(part.partition): at.offset for part, at in offsets.items()}
            if offsets:
                self._refuse_to_go_back(source, to)
                self._wait(producer.send_offsets_to_transaction, offsets, source.membership)
            self._wait(producer.commit_transaction)
            self._begun = False
        self._committed |= to

    def abort_transaction(self) -> None:
        """Drop what was taken since the last time."""
        self._sent = []
        if self._begun:
            with self._failures():
                self._wait(self._producer.abort_transaction)
            self._begun = False

    def close(self) -> None:
        """Flush, and close the connections; a transaction that is open is dropped."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        begun, given_up = self._begun, self._given_up
        self._begun = self._given_up = False
        self._committed, self._member, self._sent = {}, None, []
        with self._failures(), closing_all(Ending(producer)), self._failures():
            if begun and not given_up:
                self._wait(producer.abort_transaction)
            elif not begun:
                producer.flush(timeout=5)

    def _write(self, batch: Batch, topic: str | None) -> None:
        if topic is None or not batch.n_rows:
            return
        if self._seen is None or self._seen[0] is not batch.schema:
            if batch.schema not in self._codecs:
                unit = "step" if batch.schema.time_unit != "ns" else "ns"
                self._codecs[batch.schema] = codec_of(
                    self.codec, columns=batch.schema.channel_names, time="time", time_unit=unit
                )
            self._seen = batch.schema, self._codecs[batch.schema]
        codec, key = self._seen[1], batch.key.encode()
        if isinstance(codec, JsonCodec):
            batch = without_levels_that_are_none(batch)
        for start in range(0, batch.n_rows, self._cut):
            stop = min(start + self._cut, batch.n_rows)
            message = codec.encode(MessageRows(batch.values[start:stop], batch.times[start:stop]))
            self._send(topic, message, key)

    def _send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        if self._diverted is not None:
            self._diverted(topic, value, key or None, headers or [])
            return
        with self._failures():
            producer = self._begin() if self.is_transactional else self._opened()
            future = producer.send(
                topic,
                value,
                key=key or None,
                headers=headers,
            )
            self._sent.append(future)

    def _settle(self) -> None:
        """Hold the brokers to what was sent; raise where they have not taken all of it."""
        sent, self._sent = self._sent, []
        failed = [one for one in sent if not one.is_done or one.exception is not None]
        if failed:
            raise SinkError(
                f"{len(failed)} of {len(sent)} messages could not be written at {self.servers}: "
                f"{failed[0].exception or 'no answer came'}"
            )

    def _refuse_to_go_back(self, source: KafkaSource, to: Mapping[str, int]) -> None:
        """Raise where a position is before one that the group has committed."""
        member = source.membership
        now = (member.generation_id, member.member_id)
        if self._member != now:  # others may have committed since it was last one
            self._committed, self._member = source.committed(), now
        for part, at in to.items():
            if at < self._committed.get(part, at):
                raise SinkError(
                    f"position must be at or after the one that was committed, offset "
                    f"{self._committed[part]} of partition {part} of {source.topic!r}, got {at}; "
                    f"resume the run from its run file"
                )

    def _wait(self, call: Callable[..., Any], *given: Any) -> None:
        try:
            call_with_timeout(call, *given)
        except KafkaTimeoutError:
            self._given_up = True
            raise

    def _begin(self) -> Any:
        producer = self._opened()
        if not self._begun:
            producer.begin_transaction()
            self._begun = True
        return producer

    def _opened(self) -> Any:
        if self._producer is None:
            options = self._options | {
                "acks": "all",
                "compression_type": None if self.compression == "none" else self.compression,
                "linger_ms": 5,
                "batch_size": 2**18,
                "max_request_size": _LARGEST,
                "max_block_ms": 30_000,
            }
            if self.transaction is not None:
                options["transactional_id"] = self.transaction
                options["transaction_timeout_ms"] = round(self.transaction_timeout_s * 1000)
            producer = KafkaProducer(**options)
            try:
                if self.transaction is not None:
                    producer.init_transactions()
            except BaseException as error:  # one that is half made cannot begin a transaction
                with noting(error, "its producer could not be closed"):
                    Ending(producer).close()
                raise
            self._producer = producer
        return self._producer

    @contextmanager
    def _failures(self) -> Any:
        try:
            yield
        except ProducerFencedError as error:
            raise SinkError(
                f"another process took the transactions {self.transaction!r} over; let only one "
                f"run under that name"
            ) from error
        except KafkaError as error:
            raise SinkError(
                f"messages cannot be written at {self.servers}: {explain_kafka_error(error)}"
            ) from error


def _headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return where a dead letter stood and why it is one, as headers of its message."""
    where = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
    }
    return [(f"streamlyt.{name}", str(value).encode()) for name, value in where.items()]
