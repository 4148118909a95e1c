"""Kafka sink: rows, events, late rows and dead letters, optionally transactional."""

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

from .decoding import codec_of, mask_infinite_thresholds, split_codec
from .security import client_options, explain_kafka_error
from .source import KafkaSource
from .timeouts import ANSWER_S, ProducerCloser, call_with_timeout

__all__ = ["KafkaSink"]

Send = Callable[[str, bytes, bytes | None, list[tuple[str, bytes]]], None]


_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


_COLUMNAR_ROWS = 1024  # 64 kB of eight channels: smaller messages are dominated by overhead


_MAX_BYTES = 16 * 2**20  # of a message; the broker has its own limit


class KafkaSink(Sink):
    """Writes rows, events, late rows and dead letters to separate topics.

    The message key is the series key, so that a series stays in one partition and in order.

    Parameters
    ----------
    topic
        Topic of the rows; None writes no rows.
    events_topic
        Topic of the events, one JSON object each.
    dead_letter_topic
        Dead-letter topic: the original bytes, with topic, partition, offset and reason as
        headers.
    late_topic
        Topic of late rows, in the format of the rows.
    bootstrap_servers
        Bootstrap servers, comma-separated ``host:port``.
    codec
        Name of a codec, or a table of its name and parameters. The field ``time`` of a message
        holds nanoseconds since 1970, or steps. Its timestamp is the time of writing, which
        controls the retention of the broker. In JSON the infinite threshold of a detector in its
        warm-up is null.
    rows_per_message
        Maximum rows per message. None: 1024 in Arrow and 1 in the other formats.
    compression_type
        ``"none"``, ``"gzip"``, ``"snappy"``, ``"lz4"`` or ``"zstd"``.
    transactional_id
        Transactional id: rows, events, dead letters and the position of a Kafka source are
        committed atomically. It must be unique; a new process with the same id aborts the open
        transaction of the old one (fencing). None: a killed run writes the rows since its last
        checkpoint again.
    transaction_timeout_s
        Maximum duration of a transaction. Other members of the group take over the partitions of
        a dead member after this time. A checkpoint that takes longer fails, and the run rewinds
        to the previous one.
    security
        Client security; see :class:`KafkaSource`.

    Raises
    ------
    ParameterError
        If a parameter is invalid.
    MissingDependencyError
        If the compression is snappy and its library is not installed.
    SinkError
        While writing: if the broker cannot be reached, a message is too large, or another
        process uses the same transactional id.
    """

    def __init__(
        self,
        topic: str | None = None,
        *,
        events_topic: str | None = None,
        dead_letter_topic: str | None = None,
        late_topic: str | None = None,
        bootstrap_servers: str = "127.0.0.1:9092",
        codec: str | dict[str, Any] = "json",
        rows_per_message: int | None = None,
        compression_type: str = "none",
        transactional_id: str | None = None,
        transaction_timeout_s: float = 10.0,
        security: Mapping[str, str] | None = None,
    ) -> None:
        if (
            topic is None
            and events_topic is None
            and dead_letter_topic is None
            and late_topic is None
        ):
            raise ParameterError(
                "topic, events, dead or late must be given, got none; name a topic to write"
            )
        if compression_type not in _COMPRESSIONS:
            raise ParameterError(
                f"compression_type must be one of {list(_COMPRESSIONS)!r}, got {compression_type!r}"
            )
        if compression_type == "snappy" and not has_snappy():
            raise MissingDependencyError("snappy", "snappy")
        if rows_per_message is not None and rows_per_message < 1:
            raise ParameterError(f"rows_per_message must be at least 1, got {rows_per_message!r}")
        if not transaction_timeout_s >= 1:
            raise ParameterError(
                f"transaction_timeout_s must be at least 1, got {transaction_timeout_s!r}"
            )
        self.topic, self.events_topic, self.dead_letter_topic, self.late_topic = (
            topic,
            events_topic,
            dead_letter_topic,
            late_topic,
        )
        self.bootstrap_servers, self.security = bootstrap_servers, security
        self.codec, self.rows_per_message = codec, rows_per_message
        self.compression_type = compression_type
        self.transactional_id, self.transaction_timeout_s = transactional_id, transaction_timeout_s
        name, _ = split_codec(codec)
        self._rows_per_message = rows_per_message or (_COLUMNAR_ROWS if name == "arrow" else 1)
        self._options = client_options(bootstrap_servers, security)
        self._codecs: dict[Schema, Codec] = {}
        self._current: tuple[Schema, Codec] | None = None
        self._producer: Any = None
        self._external_send: Send | None = None
        self._in_transaction = False
        self._timed_out = False  # a transaction request was never answered
        self._committed: dict[str, int] = {}  # partition -> offset, of this group member
        self._member: tuple[Any, ...] | None = None
        self._sent: list[Any] = []  # futures since the last flush

    def topics(self) -> list[str]:
        """Return the topics that this sink writes."""
        topics = (self.topic, self.events_topic, self.dead_letter_topic, self.late_topic)
        return [topic for topic in topics if topic is not None]

    def use_producer(self, send: Send) -> None:
        """Send all messages through another producer from now on.

        Parameters
        ----------
        send
            Called with topic, value, key and headers of a message.
        """
        self._external_send = send

    @property
    def is_transactional(self) -> bool:
        """Whether output and positions are committed atomically."""
        return self.transactional_id is not None

    def write_rows(self, batch: Batch) -> None:
        """Write rows."""
        self._write(batch, self.topic)

    def write_late_rows(self, batch: Batch) -> None:
        """Write late rows."""
        self._write(batch, self.late_topic)

    def write_event(self, event: Event) -> None:
        """Write an event."""
        if self.events_topic is not None:
            value = json.dumps(event.to_dict(), allow_nan=False).encode()
            self._send(self.events_topic, value, event.key.encode())

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Write a dead letter."""
        if self.dead_letter_topic is not None:
            self._send(self.dead_letter_topic, letter.value, letter.key, _headers(letter))

    def flush(self) -> None:
        """Wait until the brokers have acknowledged all messages."""
        if self._producer is None:
            return
        with self._failures():
            self._producer.flush()
        self._check_sent()

    def init_transactions(self) -> None:
        """Abort the open transaction, or that of another process with the same id, and fence it."""
        self.abort_transaction()  # a run that is run again in the same process sends its rows again
        with self._failures():
            self._get_producer()

    def commit_transaction(self, source: Source, position: Position) -> None:
        """Commit the messages since the last commit, and the position of the source.

        Parameters
        ----------
        source
            A Kafka source with a group.
        position
            Partition -> offset of the next message.

        Raises
        ------
        SinkError
            If the position is before the committed one, which would duplicate output; or if the
            commit fails.
        """
        if not isinstance(source, KafkaSource):
            raise SinkError(
                f"source must be a Kafka source for transactions, got {type(source).__name__}"
            )
        with self._failures():
            producer = self._begin()
            producer.flush(timeout=ANSWER_S)
        self._check_sent()
        with self._failures():
            offsets = source.offsets(position)
            target = {str(part.partition): meta.offset for part, meta in offsets.items()}
            if offsets:
                self._check_not_before_committed(source, target)
                self._wait(producer.send_offsets_to_transaction, offsets, source.membership)
            self._wait(producer.commit_transaction)
            self._in_transaction = False
        self._committed |= target

    def abort_transaction(self) -> None:
        """Discard the messages since the last commit."""
        self._sent = []
        if self._in_transaction:
            with self._failures():
                self._wait(self._producer.abort_transaction)
            self._in_transaction = False

    def close(self) -> None:
        """Flush and close the connections; an open transaction is aborted."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        in_transaction, timed_out = self._in_transaction, self._timed_out
        self._in_transaction = self._timed_out = False
        self._committed, self._member, self._sent = {}, None, []
        with self._failures(), closing_all(ProducerCloser(producer)), self._failures():
            if in_transaction and not timed_out:
                self._wait(producer.abort_transaction)
            elif not in_transaction:
                producer.flush(timeout=5)

    def _write(self, batch: Batch, topic: str | None) -> None:
        if topic is None or not batch.n_rows:
            return
        if self._current is None or self._current[0] is not batch.schema:
            if batch.schema not in self._codecs:
                unit = "step" if batch.schema.time_unit != "ns" else "ns"
                self._codecs[batch.schema] = codec_of(
                    self.codec,
                    columns=batch.schema.channel_names,
                    time_column="time",
                    time_unit=unit,
                )
            self._current = batch.schema, self._codecs[batch.schema]
        codec, key = self._current[1], batch.key.encode()
        if isinstance(codec, JsonCodec):
            batch = mask_infinite_thresholds(batch)
        for start in range(0, batch.n_rows, self._rows_per_message):
            stop = min(start + self._rows_per_message, batch.n_rows)
            message = codec.encode(MessageRows(batch.values[start:stop], batch.times[start:stop]))
            self._send(topic, message, key)

    def _send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        if self._external_send is not None:
            self._external_send(topic, value, key or None, headers or [])
            return
        with self._failures():
            producer = self._begin() if self.is_transactional else self._get_producer()
            future = producer.send(
                topic,
                value,
                key=key or None,
                headers=headers,
            )
            self._sent.append(future)

    def _check_sent(self) -> None:
        """Raise if the brokers did not acknowledge all sent messages."""
        sent, self._sent = self._sent, []
        failed = [future for future in sent if not future.is_done or future.exception is not None]
        if failed:
            raise SinkError(
                f"{len(failed)} of {len(sent)} messages could not be written at "
                f"{self.bootstrap_servers}: "
                f"{failed[0].exception or 'no answer'}"
            )

    def _check_not_before_committed(self, source: KafkaSource, target: Mapping[str, int]) -> None:
        """Raise if a position is before the one that the group has committed."""
        member = source.membership
        current = (member.generation_id, member.member_id)
        if self._member != current:  # after a rebalance others may have committed
            self._committed, self._member = source.committed(), current
        for part, offset in target.items():
            if offset < self._committed.get(part, offset):
                raise SinkError(
                    f"position must be at least the committed offset {self._committed[part]} of "
                    f"partition {part} of {source.topic!r}, got {offset}; resume the run from its "
                    f"run file"
                )

    def _wait(self, call: Callable[..., Any], *args: Any) -> None:
        try:
            call_with_timeout(call, *args)
        except KafkaTimeoutError:
            self._timed_out = True
            raise

    def _begin(self) -> Any:
        producer = self._get_producer()
        if not self._in_transaction:
            producer.begin_transaction()
            self._in_transaction = True
        return producer

    def _get_producer(self) -> Any:
        if self._producer is None:
            options = self._options | {
                "acks": "all",
                "compression_type": None
                if self.compression_type == "none"
                else self.compression_type,
                "linger_ms": 5,
                "batch_size": 2**18,
                "max_request_size": _MAX_BYTES,
                "max_block_ms": 30_000,
            }
            if self.transactional_id is not None:
                options["transactional_id"] = self.transactional_id
                options["transaction_timeout_ms"] = round(self.transaction_timeout_s * 1000)
            producer = KafkaProducer(**options)
            try:
                if self.transactional_id is not None:
                    producer.init_transactions()
            except BaseException as error:  # a partly initialized producer is unusable
                with noting(error, "its producer could not be closed"):
                    ProducerCloser(producer).close()
                raise
            self._producer = producer
        return self._producer

    @contextmanager
    def _failures(self) -> Any:
        try:
            yield
        except ProducerFencedError as error:
            raise SinkError(
                f"another process uses the transactional id {self.transactional_id!r}; run only "
                "one "
                f"process with it"
            ) from error
        except KafkaError as error:
            raise SinkError(
                f"messages cannot be written at {self.bootstrap_servers}: "
                f"{explain_kafka_error(error)}"
            ) from error


def _headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return position and reason of a dead letter as message headers."""
    fields = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
    }
    return [(f"streamlyt.{name}", str(value).encode()) for name, value in fields.items()]
