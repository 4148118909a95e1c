"""Sources and sinks: the ends of a pipeline, and the position of a source."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .batch import Batch, Schema
from .component import Component
from .event import Event

__all__ = ["DeadLetter", "Position", "Sink", "Source"]

Position = Mapping[str, int | float | str]
"""Where to go on reading: just AFTER the last row read. Small, and written as JSON."""


class Source(Component, ABC):
    """Where rows come from: one outside system, read in order.

    Attributes
    ----------
    n_rows
        How many rows a whole reading gives, or None where nobody can know.
    """

    n_rows: int | None = None

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """What the rows are."""

    @abstractmethod
    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches, each with the position just after it, from ``start`` on.

        The position is None where nobody can go on from: rows that came with these follow.

        Raises
        ------
        SourceError
            If the system cannot be read.
        """

    def close(self) -> None:
        """Let go of what is held open."""


class Sink(Component, ABC):
    """Where rows and findings go."""

    @abstractmethod
    def write_rows(self, batch: Batch) -> None:
        """Take rows."""

    @abstractmethod
    def write_event(self, event: Event) -> None:
        """Take a finding."""

    @abstractmethod
    def flush(self) -> None:
        """Return when all that was taken is durable.

        Raises
        ------
        SinkError
            If it cannot be; the checkpoint is then given up and nothing is committed.
        """

    def close(self) -> None:
        """Flush, and let go of what is held open."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be decoded, as it came.

    Parameters
    ----------
    topic, partition, offset
        Where it stood.
    key, value
        Its bytes, untouched.
    reason
        Why it could not be decoded.
    time
        Its timestamp, nanoseconds since 1970.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    reason: str
    time: int = 0
