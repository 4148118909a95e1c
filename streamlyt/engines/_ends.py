"""What sources and sinks may offer an engine beyond the words of the house."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from streamlyt.base import Batch, Position, Sink, Source
from streamlyt.codecs import DeadLetter
from streamlyt.errors import ParameterError

__all__ = [
    "Commits",
    "Decodes",
    "Diverts",
    "Drops",
    "Holds",
    "Interrupts",
    "Lags",
    "Parted",
    "Refuses",
    "Replays",
    "Resumes",
    "Settles",
    "TakesLateRows",
    "TakesLetters",
    "Transacts",
    "interrupt",
    "shared_out",
    "transacting",
]


@runtime_checkable
class Commits(Protocol):
    """A source that is told how far its rows are safe."""

    def commit(self, position: Position) -> None:
        """All rows before ``position`` are durable."""


class _Taken(Protocol):
    @property
    def batches(self) -> list[Batch]: ...
    @property
    def letters(self) -> list[DeadLetter]: ...


@runtime_checkable
class Decodes(Protocol):
    """A source of the messages of a topic, which others may fetch in its place."""

    topic: str
    key: str | None
    group: str | None
    begin: str
    session_timeout_s: float

    @property
    def connection(self) -> dict[str, Any]:
        """How the brokers are reached, in the words of librdkafka."""

    def decoded(self, records: Sequence[Any]) -> _Taken:
        """Return what comes of messages of one partition."""


@runtime_checkable
class Diverts(Protocol):
    """A sink of messages, which others may send in its place."""

    def topics(self) -> list[str]:
        """Return the topics that it writes."""

    def divert(
        self, send: Callable[[str, bytes, bytes | None, list[tuple[str, bytes]]], None]
    ) -> None:
        """Hand messages over from now on: topic, value, key and headers."""


@runtime_checkable
class Lags(Protocol):
    """A source that can tell how much waits to be read."""

    def lag(self) -> int | None:
        """Return how many messages or rows; None where it is not known yet."""


@runtime_checkable
class Drops(Protocol):
    """A source that leaves rows out because something is missing in them."""

    n_holes: int
    """How many it dropped, since it was made."""
    n_refused_rows: int
    """How many it made dead letters of."""


@runtime_checkable
class Holds(Protocol):
    """A source that wants a sign of life while it is held up."""

    def hold(self) -> None:
        """Read nothing, and keep what is ours."""


@runtime_checkable
class Interrupts(Protocol):
    """A source that may wait for others before it reads, for longer than a stop may take."""

    def interrupt(self) -> None:
        """Wait no more, and raise a RewindError where we did; for any thread."""


@runtime_checkable
class Parted(Protocol):
    """A source in parts, which may move from one process to another."""

    def owned(self) -> Sequence[str]:
        """Return the parts that are ours now; reading goes on with these or rewinds."""

    def part_of(self, key: str) -> str | None:
        """Return the part that a series is in; None where none of its rows was read yet."""


@runtime_checkable
class Refuses(Protocol):
    """A source of messages, of which some cannot be decoded."""

    def refused(self) -> Sequence[DeadLetter]:
        """Return those since the last call: they stand before the position given last."""


@runtime_checkable
class TakesLetters(Protocol):
    """A sink for messages that could not be decoded."""

    def refuse(self, letter: DeadLetter) -> None:
        """Take one."""


@runtime_checkable
class TakesLateRows(Protocol):
    """A sink for rows that came too late to be put in order."""

    def set_aside(self, batch: Batch) -> None:
        """Take some."""


@runtime_checkable
class Replays(Protocol):
    """A source whose outside system remembers how far output was made durable."""

    def committed(self) -> Position:
        """Return how far."""

    def read(
        self, start: Position | None = None, stop: Position | None = None
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches up to ``stop``."""


@runtime_checkable
class Resumes(Protocol):
    """A sink that can take back what no checkpoint covers."""

    def resume(self, rows: int, events: int) -> None:
        """Go on after so many rows and findings; whatever it took beyond comes again."""


@runtime_checkable
class Settles(Protocol):
    """A sink that shows what it was given only when a resumed run would not write it again."""

    def settle(self) -> None:
        """What was flushed is covered by a checkpoint."""


@runtime_checkable
class Transacts(Protocol):
    """A sink that makes output and the position of its source durable in one transaction."""

    @property
    def transacts(self) -> bool:
        """Whether it was asked to."""

    def open(self) -> None:
        """End what another process of the same name left open; that process can do no more."""

    def commit(self, source: Source, position: Position) -> None:
        """Make durable what was taken since the last time, and the position."""

    def abort(self) -> None:
        """Drop what was taken since the last time."""


def interrupt(source: Source) -> None:
    """Tell a source that may wait not to."""
    if isinstance(source, Interrupts):
        source.interrupt()


def transacting(
    source: Source, sinks: Sequence[Sink], kept: bool
) -> tuple[Transacts | None, tuple[Sink, ...]]:
    """Return the sink whose transactions rule the run, if there is one, and the others.

    Raises
    ------
    ParameterError
        If there are two, or source or run file cannot go along.
    """
    found = [sink for sink in sinks if isinstance(sink, Transacts) and sink.transacts]
    if not found:
        return None, tuple(sinks)
    if len(found) > 1 or not isinstance(source, Replays) or not kept:
        raise ParameterError(
            f"a sink with transactions must be the only one, beside a source that remembers "
            f"positions and a run file that keeps the states, got {len(found)} such sinks, "
            f"{type(source).__name__} and {'a' if kept else 'no'} run file (streamlyt run has one "
            f"with --run FILE)"
        )
    return found[0], tuple(sink for sink in sinks if sink not in found)


def shared_out(source: Source, sinks: Sequence[Sink]) -> tuple[Decodes, list[Diverts]]:
    """Return source and sinks of a pipeline whose work several processes share.

    Raises
    ------
    ParameterError
        If they are not Kafka's, or the source has no group or names series by a field.
    """
    if not isinstance(source, Decodes) or source.group is None:
        raise ParameterError(
            f"source must be a Kafka topic with a group in a cluster, got "
            f"{type(source).__name__}; give it a group, or use streamlyt serve"
        )
    if source.key is not None:
        raise ParameterError(
            f"source.key must be left out in a cluster, got {source.key!r}: its workers share "
            f"series out by the keys of the messages"
        )
    diverting: list[Diverts] = []
    for sink in sinks:
        if not isinstance(sink, Diverts):
            raise ParameterError(
                f"sinks must be Kafka topics in a cluster, got {type(sink).__name__}; write to a "
                f"topic, and run that into a file"
            )
        diverting.append(sink)
    return source, diverting
