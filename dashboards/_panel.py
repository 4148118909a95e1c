"""What every panel is: arrays that are tested without a browser, and a figure that draws them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from streamlyt.base import Array, Component, Event, Floats, Schema

from ._axis import TimeAxis

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["OFF_LINE", "Overview", "Panel", "Run", "Table", "overview_of"]

OFF_LINE = ("two_sample",)  # detectors that look at a whole run afterwards and raise no alarm
_FINER = 8
DETECTED = ("statistic", "threshold", "alarm")  # the last channels of a detector's rows


class Overview(Protocol):
    """Rows of a series in buckets: shapes (p,), and (p, c) for the three tables."""

    @property
    def rows(self) -> NDArray[np.int64]: ...
    @property
    def times(self) -> NDArray[np.int64]: ...
    @property
    def minimum(self) -> Floats: ...
    @property
    def maximum(self) -> Floats: ...
    @property
    def mean(self) -> Floats: ...


class Run(Protocol):
    """What a page reads of a run: the run file, or whatever stands in front of it."""

    @property
    def meta(self) -> Mapping[str, Any]: ...
    def keys(self) -> Sequence[str]: ...
    def schema(self, key: str) -> Schema: ...
    def n_rows(self, key: str) -> int: ...
    def events(self, key: str | None = None) -> list[Event]: ...
    def overview(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> Overview: ...


@dataclass(frozen=True)
class Buckets:
    """An :class:`Overview` with at most so many buckets as were asked for."""

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    minimum: Floats
    maximum: Floats
    mean: Floats


@dataclass(frozen=True)
class Table:
    """A picture in words: for those who cannot see it, and for those who want the numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Panel(Component, ABC):
    """One view of one series of a run.

    A subclass sets ``title`` (its heading) and ``about`` (one sentence: how to read it), and
    writes three methods. ``columns`` needs neither Bokeh nor a browser.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Buckets a line at most; each is drawn from its minimum to its maximum.
    """

    title: ClassVar[str]
    about: ClassVar[str]

    def __init__(self, run: Run, key: str, points: int = 1000) -> None:
        self.run = run
        self.key = key
        self.points = points

    @abstractmethod
    def columns(self) -> dict[str, Array]:
        """Return what is drawn, by name."""

    @abstractmethod
    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh model that draws it, its time axis tied to ``x_range`` if given."""

    @abstractmethod
    def table(self) -> Table:
        """Return the picture in words."""

    @cached_property
    def schema(self) -> Schema:
        """Schema of the rows that the run kept."""
        return self.run.schema(self.key)

    @cached_property
    def detected(self) -> bool:
        """Whether the rows end in the columns of a detector."""
        return self.schema.names[-3:] == DETECTED

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the channels that the detector looked at."""
        return self.schema.names[:-3] if self.detected else self.schema.names

    @cached_property
    def events(self) -> list[Event]:
        """Findings in this series, in order of the estimated change."""
        return sorted(self.run.events(self.key), key=lambda e: (e.change_index, e.alarm_index))

    @cached_property
    def ends(self) -> tuple[int, int]:
        """Times of the first row and of the last (of the last bucket, where rows are not kept)."""
        name, n = self.schema.names[-1:], self.run.n_rows(self.key)
        if not n:
            return 0, 0
        first = self.run.overview(self.key, name, points=1, stop=1)
        last = self.run.overview(self.key, name, points=1, start=n - 1)
        return int(first.times[0]), int(last.times[-1])

    @cached_property
    def axis(self) -> TimeAxis:
        """Where rows stand in time."""
        return TimeAxis.of(self.schema, *self.ends, self.run.n_rows(self.key))

    def buckets(self, names: Sequence[str], points: int) -> Buckets:
        """Return channels of the whole series in at most ``points`` buckets."""
        return overview_of(self.run, self.key, names, points)

    def place(
        self, rows: NDArray[np.int64], times: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return where rows stand on the axis, and their numbers in the source's own count."""
        numbers = self.schema.first_row + rows * self.schema.row_step
        return self.axis.place(times, numbers), numbers

    def marks(self) -> dict[str, Floats]:
        """Return where changes began and where their alarms were raised, on the axis.

        An off-line detector raises no alarm: NaN.
        """
        changes = self.axis.place(
            [e.change_time for e in self.events], [e.change_index for e in self.events]
        )
        alarms = self.axis.place(
            [e.alarm_time for e in self.events], [e.alarm_index for e in self.events]
        )
        afterwards = np.array([e.detector in OFF_LINE for e in self.events], dtype=bool)
        alarms = np.where(afterwards, np.nan, alarms)  # nobody waited for these
        return {"change": changes, "alarm": alarms}


def overview_of(run: Run, key: str, names: Sequence[str], points: int) -> Buckets:
    """Return channels of a whole series in ``points`` buckets, or few less.

    A run file gives an eighth of what it is asked for where its levels fall so.
    """
    return condensed(run.overview(key, tuple(names), points=_FINER * points), points)


def condensed(seen: Overview, points: int) -> Buckets:
    """Join neighbours until there are at most ``points`` buckets; NaN only where all are.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[1.0], [5.0], [3.0], [np.nan]])
    >>> four = Buckets(np.arange(4), np.arange(4), table, table, table)
    >>> condensed(four, 2).maximum.ravel().tolist()
    [5.0, 3.0]
    """
    n = len(seen.rows)
    parts = (seen.minimum, seen.maximum, seen.mean)
    if n <= points:
        return Buckets(seen.rows, seen.times, *parts)
    starts = np.arange(points) * n // points
    known = np.isfinite(seen.mean)
    counts = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, seen.mean, 0.0), starts, axis=0)
    return Buckets(
        seen.rows[starts],
        seen.times[starts],
        np.fmin.reduceat(seen.minimum, starts, axis=0),
        np.fmax.reduceat(seen.maximum, starts, axis=0),
        np.where(counts > 0, sums / np.maximum(counts, 1), np.nan),
    )
