"""Optional abilities of sources and sinks, as protocols."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from .batch import Batch
from .io import DeadLetter, Position, Source

__all__ = [
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


@runtime_checkable
class SupportsCommit(Protocol):
    """A source that is told how far its rows are safe."""

    def commit(self, position: Position) -> None:
        """All rows before ``position`` are durable."""


class _Taken(Protocol):
    @property
    def batches(self) -> list[Batch]: ...
    @property
    def letters(self) -> list[DeadLetter]: ...


@runtime_checkable
class SupportsMessageDecoding(Protocol):
    """A source of the messages of a topic, which others may fetch in its place."""

    topic: str
    key: str | None
    group: str | None
    begin: str
    session_timeout_s: float

    @property
    def client_config(self) -> dict[str, Any]:
        """How the brokers are reached, in the words of librdkafka."""

    def decode_messages(self, records: Sequence[Any]) -> _Taken:
        """Return what comes of messages of one partition."""


@runtime_checkable
class SupportsExternalProducer(Protocol):
    """A sink of messages, which others may send in its place."""

    def topics(self) -> list[str]:
        """Return the topics that it writes."""

    def use_producer(
        self, send: Callable[[str, bytes, bytes | None, list[tuple[str, bytes]]], None]
    ) -> None:
        """Hand messages over from now on: topic, value, key and headers."""


@runtime_checkable
class SupportsLag(Protocol):
    """A source that can tell how much waits to be read."""

    def lag(self) -> int | None:
        """Return how many messages or rows; None where it is not known yet."""


@runtime_checkable
class CountsDroppedRows(Protocol):
    """A source that leaves rows out because something is missing in them."""

    n_dropped_rows: int
    """How many it dropped, since it was made."""
    n_rejected_rows: int
    """How many it made dead letters of."""


@runtime_checkable
class SupportsKeepAlive(Protocol):
    """A source that wants a sign of life while it is held up."""

    def keep_alive(self) -> None:
        """Read nothing, and keep what is ours."""


@runtime_checkable
class SupportsWakeup(Protocol):
    """A source that may wait for others before it reads, for longer than a stop may take."""

    def wakeup(self) -> None:
        """Wait no more, and raise a RebalanceError where we did; for any thread."""


@runtime_checkable
class SupportsPartitions(Protocol):
    """A source in parts, which may move from one process to another."""

    def assigned_partitions(self) -> Sequence[str]:
        """Return the parts that are ours now; reading goes on with these or rewinds."""

    def partition_of(self, key: str) -> str | None:
        """Return the part that a series is in; None where none of its rows was read yet."""


@runtime_checkable
class ProducesDeadLetters(Protocol):
    """A source of messages, of which some cannot be decoded."""

    def take_dead_letters(self) -> Sequence[DeadLetter]:
        """Return those since the last call: they stand before the position given last."""


@runtime_checkable
class AcceptsDeadLetters(Protocol):
    """A sink for messages that could not be decoded."""

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Take one."""


@runtime_checkable
class AcceptsLateRows(Protocol):
    """A sink for rows that came too late to be put in order."""

    def write_late_rows(self, batch: Batch) -> None:
        """Take some."""


@runtime_checkable
class SupportsReplay(Protocol):
    """A source whose outside system remembers how far output was made durable."""

    def committed(self) -> Position:
        """Return how far."""

    def read(
        self, start: Position | None = None, stop: Position | None = None
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches up to ``stop``."""


@runtime_checkable
class SupportsTruncation(Protocol):
    """A sink that can take back what no checkpoint covers."""

    def truncate_to(self, rows: int, events: int) -> None:
        """Go on after so many rows and findings; whatever it took beyond comes again."""


@runtime_checkable
class Settles(Protocol):
    """A sink that shows what it was given only when a resumed run would not write it again."""

    def settle(self) -> None:
        """What was flushed is covered by a checkpoint."""


@runtime_checkable
class SupportsTransactions(Protocol):
    """A sink that makes output and the position of its source durable in one transaction."""

    @property
    def is_transactional(self) -> bool:
        """Whether it was asked to."""

    def init_transactions(self) -> None:
        """End what another process of the same name left open; that process can do no more."""

    def commit_transaction(self, source: Source, position: Position) -> None:
        """Make durable what was taken since the last time, and the position."""

    def abort_transaction(self) -> None:
        """Drop what was taken since the last time."""


def wakeup(source: Source) -> None:
    """Tell a source that may wait not to."""
    if isinstance(source, SupportsWakeup):
        source.wakeup()


@runtime_checkable
class SupportsSeek(Protocol):
    """A source that can begin at a row, or message, by its number."""

    def position_of_row(self, number: int) -> Position:
        """Return the position just before it.

        Raises
        ------
        SourceError
            If there is none such.
        """
