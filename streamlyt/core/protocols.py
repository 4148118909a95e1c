"""Optional abilities of sources and sinks, as protocols."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from .batch import Batch
from .io import DeadLetter, Position, Source

__all__ = [
    "ENDED",
    "AcceptsDeadLetters",
    "AcceptsLateRows",
    "CountsDroppedRows",
    "ProducesDeadLetters",
    "Settles",
    "SupportsCommit",
    "SupportsExternalProducer",
    "SupportsKeepAlive",
    "SupportsLag",
    "SupportsMessageDecoding",
    "SupportsPartitions",
    "SupportsReplay",
    "SupportsSeek",
    "SupportsTransactions",
    "SupportsTruncation",
    "SupportsWakeup",
    "wakeup",
]

ENDED = "ended"
"""Entry (0) of a committed position: the rows that operators release at the end are out too."""


@runtime_checkable
class SupportsCommit(Protocol):
    """A source that is notified which rows are durable."""

    def commit(self, position: Position) -> None:
        """Commit ``position``: all rows before it are durable."""


class _DecodedBatch(Protocol):
    @property
    def batches(self) -> list[Batch]: ...
    @property
    def dead_letters(self) -> list[DeadLetter]: ...


@runtime_checkable
class SupportsMessageDecoding(Protocol):
    """A source of the messages of a topic, which another client may fetch instead."""

    topic: str
    key_column: str | None
    group_id: str | None
    auto_offset_reset: str
    session_timeout_s: float

    @property
    def client_config(self) -> dict[str, Any]:
        """Configuration of the client, with the option names of librdkafka."""

    def decode_messages(self, records: Sequence[Any]) -> _DecodedBatch:
        """Decode messages of one partition."""


@runtime_checkable
class SupportsExternalProducer(Protocol):
    """A sink of messages, which another client may send instead."""

    def topics(self) -> list[str]:
        """Return the topics that the sink writes."""

    def use_producer(
        self, send: Callable[[str, bytes, bytes | None, list[tuple[str, bytes]]], None]
    ) -> None:
        """Pass messages to ``send`` from now on: topic, value, key and headers."""


@runtime_checkable
class SupportsLag(Protocol):
    """A source that can report its lag."""

    def lag(self) -> int | None:
        """Return the number of unread messages or rows; None if not known yet."""


@runtime_checkable
class CountsDroppedRows(Protocol):
    """A source that drops or rejects rows with missing values."""

    n_dropped_rows: int
    """Number of dropped rows since the source was created."""
    n_rejected_rows: int
    """Number of rows that became dead letters."""


@runtime_checkable
class SupportsKeepAlive(Protocol):
    """A source that needs a keep-alive call while it is paused."""

    def keep_alive(self) -> None:
        """Keep the assignment without reading."""


@runtime_checkable
class SupportsWakeup(Protocol):
    """A source whose read may block longer than a stop may take."""

    def wakeup(self) -> None:
        """Abort a blocked read with a RebalanceError; callable from any thread."""


@runtime_checkable
class SupportsPartitions(Protocol):
    """A source with partitions, which may move between processes."""

    def assigned_partitions(self) -> Sequence[str]:
        """Return the partitions that are assigned now; reading continues with these or rewinds."""

    def partition_of(self, key: str) -> str | None:
        """Return the partition of a series; None before its first row was read."""


@runtime_checkable
class ProducesDeadLetters(Protocol):
    """A source of messages, some of which cannot be decoded."""

    def take_dead_letters(self) -> Sequence[DeadLetter]:
        """Return the dead letters since the last call; they are before the last position."""


@runtime_checkable
class AcceptsDeadLetters(Protocol):
    """A sink of dead letters."""

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Accept a dead letter."""


@runtime_checkable
class AcceptsLateRows(Protocol):
    """A sink of late rows."""

    def write_late_rows(self, batch: Batch) -> None:
        """Accept late rows."""


@runtime_checkable
class SupportsReplay(Protocol):
    """A source whose external system stores the position of durable output."""

    def committed(self) -> Position:
        """Return the committed position, with the entry ``ENDED`` where it was committed."""

    def read(
        self, start: Position | None = None, stop: Position | None = None
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches up to ``stop``."""


@runtime_checkable
class SupportsTruncation(Protocol):
    """A sink that can remove output which no checkpoint covers."""

    def truncate_to(self, rows: int, events: int) -> None:
        """Keep the first ``rows`` and ``events``; later ones are written again."""


@runtime_checkable
class Settles(Protocol):
    """A sink that publishes output only once a resumed run would not write it again."""

    def settle(self) -> None:
        """Publish flushed output: a checkpoint covers it now."""


@runtime_checkable
class SupportsTransactions(Protocol):
    """A sink that makes output and the position of its source durable in one transaction."""

    @property
    def is_transactional(self) -> bool:
        """Whether transactions are enabled."""

    def init_transactions(self) -> None:
        """Abort open transactions, those of another process with the same id too, and fence it."""

    def commit_transaction(self, source: Source, position: Position) -> None:
        """Commit the output since the last transaction, and the position of the source.

        The position has the entry ``ENDED`` after the end of the source.
        """

    def abort_transaction(self) -> None:
        """Discard the output since the last transaction."""


def wakeup(source: Source) -> None:
    """Wake up a source whose read may block."""
    if isinstance(source, SupportsWakeup):
        source.wakeup()


@runtime_checkable
class SupportsSeek(Protocol):
    """A source that can start at a row or message by its number."""

    def position_of_row(self, number: int) -> Position:
        """Return the position just before row ``number``.

        Raises
        ------
        SourceError
            If there is no such row.
        """
