"""What every panel is: arrays that are tested without a browser, and a figure that draws them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Component, Event, Floats, Schema
from streamlyt.core.component import component_name
from streamlyt.core.forecaster import SUFFIX

from ._data.downsampling import DownsampledBuckets, Run, Span, overview_of, thin_positions
from ._plotting.time_axis import TimeAxis

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["OFF_LINE", "Panel", "Table"]

OFF_LINE = ("offline_split",)  # detectors that look at a whole run afterwards and raise no alarm
DETECTED = ("statistic", "threshold", "alarm")  # the last channels of a detector's rows


@dataclass(frozen=True)
class Table:
    """A picture in words: for those who cannot see it, and for those who want the numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Panel(Component, ABC):
    """One view of one series of a run, in the report and live.

    A subclass sets ``title`` (its heading) and ``about`` (one sentence: how to read it), and
    writes three methods. ``columns`` needs neither Bokeh nor a browser; ``figure`` draws from
    ``self.held(self.columns())``, so that a live page can put new columns in their place.

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
    description: ClassVar[str]
    order: ClassVar[int] = 50  # of the panels on a page, from the top
    alt_text: ClassVar[str] = "Chart over time. Its numbers follow as a table."
    row_range: Span = (0, None)  # the rows looked at

    def __init__(self, run: Run, key: str, points: int = 1000) -> None:
        self.run = run
        self.key = key
        self.points = points

    @abstractmethod
    def data(self) -> dict[str, Array]:
        """Return what is drawn, by name."""

    @abstractmethod
    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh model that draws it, its time axis tied to ``x_range`` if given."""

    @abstractmethod
    def table(self) -> Table:
        """Return the picture in words."""

    def is_applicable(self) -> bool:
        """Whether the series has what this panel shows."""
        return True

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend of some columns: class of each swatch, and what it means."""
        return ()

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the columns that the glyphs share, by a name for each set of equal length."""
        return {"main": seen}

    def bokeh_sources(self, seen: dict[str, Array]) -> dict[str, Any]:
        """Return :meth:`sources` as Bokeh's, under names by which a live page finds them."""
        from ._plotting.figures import (
            source,  # Bokeh costs most of a second; columns() goes without
        )

        return {
            name: source(self.named(name), **columns)
            for name, columns in self.data_sources(seen).items()
        }

    def named(self, source: str) -> str:
        """Return the name of a source among those of all panels of a page."""
        return f"{component_name(self)}.{source}"

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return Bokeh models by a name that stands over each; one alone needs none."""
        return {"": self.figure(x_range)}

    def figure_names(self) -> Sequence[str]:
        """Return what stands over each of :meth:`figures`, without drawing them."""
        return ("",)

    def redraw_key(self) -> str:
        """Return what a drawn figure cannot change: where it does, the page is drawn anew."""
        return ""

    def heading(self, name: str) -> str:
        """Return what stands over one of :meth:`figures`, as HTML: escape what comes from data."""
        return escape(name)

    def for_rows(self, start: int, stop: int | None) -> Self:
        """Return the same view of some rows only, on the same axis."""
        other = type(self)(**self.get_params())
        other.row_range = (start, stop)
        other.__dict__["axis"] = self.axis  # the page keeps its units while it moves
        return other

    @cached_property
    def schema(self) -> Schema:
        """Schema of the rows that the run kept."""
        return self.run.schema(self.key)

    @cached_property
    def detected(self) -> bool:
        """Whether the rows end in the columns of a detector."""
        return self.schema.channel_names[-3:] == DETECTED

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the channels that came in: without what a detector or forecaster put beside."""
        names = self.schema.channel_names[:-3] if self.detected else self.schema.channel_names
        forecast = {name + SUFFIX for name in names}
        return tuple(name for name in names if name not in forecast)

    @cached_property
    def events(self) -> list[Event]:
        """Findings in this series, in order of the estimated change."""
        return sorted(self.run.events(self.key), key=lambda e: (e.change_index, e.alarm_index))

    @cached_property
    def in_warmup(self) -> bool:
        """Whether the detector still learns at the last row, so that no alarm is possible."""
        n = self.run.n_rows(self.key)
        if not self.detected or not n:
            return False
        last = self.run.downsample(self.key, ("threshold",), points=1, start=n - 1)
        return not np.isfinite(last.minimum[-1:]).any()

    @cached_property
    def time_range(self) -> tuple[int, int]:
        """Times of the first row and of the last (of the last bucket, where rows are not kept)."""
        name, n = self.schema.channel_names[-1:], self.run.n_rows(self.key)
        if not n:
            return 0, 0
        first = self.run.downsample(self.key, name, points=1, stop=1)
        last = self.run.downsample(self.key, name, points=1, start=n - 1)
        return int(first.times[0]), int(last.times[-1])

    @cached_property
    def axis(self) -> TimeAxis:
        """Where rows stand in time."""
        return TimeAxis.of(self.schema, *self.time_range, self.run.n_rows(self.key))

    def buckets(self, names: Sequence[str], points: int) -> DownsampledBuckets:
        """Return channels of the rows looked at in at most ``points`` buckets."""
        return overview_of(self.run, self.key, names, points, self.row_range)

    def to_axis(
        self, rows: NDArray[np.int64], times: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return where rows stand on the axis, and their numbers in the source's own count."""
        numbers = self.schema.first_row + rows * self.schema.row_step
        return self.axis.place(times, numbers), numbers

    def change_positions(self) -> dict[str, Floats]:
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

    def change_spans(self) -> dict[str, Floats]:
        """Return the marks as columns: ``x`` and ``left`` of the change, ``right`` the alarm."""
        marks = self.change_positions()
        kept = thin_positions(marks["change"])
        change, alarm = marks["change"][kept], marks["alarm"][kept]
        return {"x": change, "left": change, "right": alarm}
