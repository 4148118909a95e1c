"""Where a run stands, and how much of it is durable."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from streamlyt.core import Position

__all__ = ["Checkpoint", "Phase", "Progress", "SeriesIndex"]


class Phase(Enum):
    """What a run does; the phase outlives an exception."""

    REPLAY = auto()
    """Rows are read again that a transactional sink may have committed: it is suppressed."""
    READ = auto()
    """Rows of the source are processed for the first time."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: replaced after each batch, never edited.

    Parameters
    ----------
    position
        Just after the last complete group of rows; None before the first.
    n_rows
        Rows consumed, those before a resume included.
    has_news
        Whether there is input or output since the checkpoint.
    at_boundary
        Whether a checkpoint is possible: no batch, no group of rows and no commit is half done.
    failed
        Whether an operator or a sink raised over the last batch.
    finished
        Whether the source has ended, and the operators have released all rows.

    Examples
    --------
    >>> progress = Progress().after(None, 2, has_news=True)
    >>> progress.n_rows, progress.at_boundary
    (2, False)
    >>> progress.after({"row": 4}, 2, has_news=True).at_boundary
    True
    """

    position: Position | None = None
    n_rows: int = 0
    has_news: bool = False
    at_boundary: bool = True
    failed: bool = False
    finished: bool = False

    def processing(self) -> "Progress":
        """Return the progress while a batch is processed; it stays if the batch fails."""
        return replace(self, at_boundary=False, failed=True)

    def off_boundary(self) -> "Progress":
        """Return the progress while no checkpoint is possible."""
        return replace(self, at_boundary=False)

    def after(self, position: Position | None, n_rows: int, *, has_news: bool) -> "Progress":
        """Return the progress after a batch; without a position its group is not complete."""
        return Progress(
            position=self.position if position is None else position,
            n_rows=self.n_rows + n_rows,
            has_news=self.has_news or has_news,
            at_boundary=position is not None,
            finished=self.finished and not has_news,
        )

    def at_end(self) -> "Progress":
        """Return the progress after the end of the source: a boundary without a new position."""
        return replace(self, at_boundary=True, has_news=True, finished=True)

    def committed(self) -> "Progress":
        """Return the progress after a checkpoint of it."""
        return replace(self, has_news=False, at_boundary=True)


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
        return progress.has_news or progress.position != self.position


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
