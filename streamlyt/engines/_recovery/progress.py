"""Where a run stands, and how much of it is durable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from streamlyt.core import Batch, DeadLetter, Position

__all__ = ["Checkpoint", "Phase", "Progress", "SeriesIndex"]


class Phase(Enum):
    """What a run does; the phase outlives an exception."""

    REPLAY = auto()
    """Rows are read again that a transactional sink may have committed: it is suppressed."""
    READ = auto()
    """Rows of the source are processed for the first time."""
    FINISH = auto()
    """The source has ended; operators release the rows that they hold back."""
    COMPLETE = auto()
    """Nothing is left to do."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: replaced after each batch, never edited.

    Parameters
    ----------
    position
        Just after the last complete group of rows; None before the first.
    n_rows
        Rows consumed, those before a resume included.
    has_input
        Whether rows or dead letters were consumed since the checkpoint.
    at_boundary
        Whether a checkpoint is possible: no batch, no group of rows and no commit is half done.
    failed
        Whether an operator or a sink raised over the last batch.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> batch = Batch("a", [0, 1], [[1.0], [2.0]], Schema.of("x"))
    >>> progress = Progress().after(batch, None, [])
    >>> progress.n_rows, progress.at_boundary
    (2, False)
    >>> progress.after(batch, {"row": 4}, []).at_boundary
    True
    """

    position: Position | None = None
    n_rows: int = 0
    has_input: bool = False
    at_boundary: bool = True
    failed: bool = False

    def processing(self) -> "Progress":
        """Return the progress while a batch is processed; it stays if the batch fails."""
        return replace(self, at_boundary=False, failed=True)

    def off_boundary(self) -> "Progress":
        """Return the progress while no checkpoint is possible."""
        return replace(self, at_boundary=False)

    def after(
        self, batch: Batch, position: Position | None, dead_letters: Sequence[DeadLetter]
    ) -> "Progress":
        """Return the progress after a batch; without a position its group is not complete."""
        return Progress(
            position=self.position if position is None else position,
            n_rows=self.n_rows + batch.n_rows,
            has_input=self.has_input or batch.n_rows > 0 or bool(dead_letters),
            at_boundary=position is not None,
        )

    def finished(self) -> "Progress":
        """Return the progress after the end of the source: a boundary without a new position."""
        return replace(self, at_boundary=True)

    def committed(self) -> "Progress":
        """Return the progress after a checkpoint of it."""
        return replace(self, has_input=False, at_boundary=True)


@dataclass(frozen=True)
class Checkpoint:
    """Progress that is durable.

    Parameters
    ----------
    position, n_rows
        As in :class:`Progress`.
    made_at
        When it became durable, in seconds of the engine's clock.
    """

    position: Position | None
    n_rows: int
    made_at: float

    def behind(self, progress: Progress) -> bool:
        """Return whether there is progress that it does not cover."""
        return progress.has_input or progress.position != self.position


class SeriesIndex:
    """The series of the source, up to 10^6 of them.

    Attributes
    ----------
    active
        Series that had rows, in order of their first row.
    dirty
        Series whose state is newer than the checkpoint.
    """

    def __init__(self) -> None:
        self.active: dict[str, None] = {}
        self.dirty: set[str] = set()

    def reset(self, active: Iterable[str] = ()) -> None:
        """Replace the active series; none is dirty."""
        self.active.clear()
        self.dirty.clear()
        self.activate(active)

    def activate(self, keys: Iterable[str]) -> None:
        """Add series to the active ones."""
        self.active.update(dict.fromkeys(keys))
