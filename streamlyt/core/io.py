"""Base classes of sources and sinks, source positions and dead letters."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .batch import Batch, Schema
from .component import Component
from .event import Event

__all__ = ["DeadLetter", "Position", "Sink", "Source"]

Position = Mapping[str, int | float | str]
"""Where reading resumes: just AFTER the last row read. Small, and stored as JSON."""


class Source(Component, ABC):
    """Base class of sources: one external system, read in order.

    Attributes
    ----------
    n_rows
        Number of rows of a complete read, or None if unknown.
    """

    n_rows: int | None = None

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """Schema of the rows."""

    @abstractmethod
    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches from ``start`` on, each with the position just after it.

        The position is None where reading cannot resume: more rows of the same message follow.

        Raises
        ------
        SourceError
            If the system cannot be read.
        """

    def close(self) -> None:
        """Release open files and connections."""


class Sink(Component, ABC):
    """Base class of sinks for rows and events."""

    @abstractmethod
    def write_rows(self, batch: Batch) -> None:
        """Accept rows."""

    @abstractmethod
    def write_event(self, event: Event) -> None:
        """Accept an event."""

    @abstractmethod
    def flush(self) -> None:
        """Return when everything accepted is durable.

        Raises
        ------
        SinkError
            If it cannot be made durable; the checkpoint is then abandoned and nothing is committed.
        """

    def close(self) -> None:
        """Flush, and release open files and connections."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be decoded, with its original bytes.

    Parameters
    ----------
    topic, partition, offset
        Where it was read.
    key, value
        Its original bytes.
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
