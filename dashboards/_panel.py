"""Base class of panels: arrays that tests read without a browser, and a figure that draws them."""

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

from ._data.downsampling import DownsampledBuckets, ReadableRun, Span, downsampled, thin_positions
from ._plotting.time_axis import TimeAxis

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["OFFLINE_DETECTORS", "Panel", "Table"]

OFFLINE_DETECTORS = ("offline_split",)  # detectors that examine a complete run and raise no alarm
DETECTOR_CHANNELS = ("statistic", "threshold", "alarm")  # the last channels of a detector's rows


@dataclass(frozen=True)
class Table:
    """Data table of a chart: the accessible form of its content."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Panel(Component, ABC):
    """One view of one series of a run, in the report and live.

    A subclass sets ``title`` and ``description`` (how to read the chart) and implements three
    methods. ``data`` needs neither Bokeh nor a browser; ``figure`` draws from
    ``self.bokeh_sources(self.data())``, so that a live page can replace the columns.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of buckets per line; each is drawn from its minimum to its maximum.
    """

    title: ClassVar[str]
    description: ClassVar[str]
    order: ClassVar[int] = 50  # position on the page, from the top
    alt_text: ClassVar[str] = "Chart over time. A data table follows."
    row_range: Span = (0, None)  # the rows shown

    def __init__(self, run: ReadableRun, key: str, points: int = 1000) -> None:
        self.run = run
        self.key = key
        self.points = points

    @abstractmethod
    def data(self) -> dict[str, Array]:
        """Return the arrays that are drawn, by name."""

    @abstractmethod
    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh model, its time axis linked to ``x_range`` if given."""

    @abstractmethod
    def table(self) -> Table:
        """Return the data table."""

    def is_applicable(self) -> bool:
        """Whether the series has the data of this panel."""
        return True

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend: class of each swatch, and its label."""
        return ()

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the columns of the glyphs, one named set for each length."""
        return {"main": data}

    def bokeh_sources(self, data: dict[str, Array]) -> dict[str, Any]:
        """Return :meth:`data_sources` as Bokeh sources with the names that a live page uses."""
        from ._plotting.figures import (
            source,  # importing Bokeh takes about one second; data() does not need it
        )

        return {
            name: source(self.named(name), **columns)
            for name, columns in self.data_sources(data).items()
        }

    def named(self, source: str) -> str:
        """Return the name of a source, unique on the page."""
        return f"{component_name(self)}.{source}"

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return Bokeh models by heading; the heading of a single one may be empty."""
        return {"": self.figure(x_range)}

    def figure_names(self) -> Sequence[str]:
        """Return the headings of :meth:`figures`, without drawing them."""
        return ("",)

    def redraw_key(self) -> str:
        """Return the fixed properties of a drawn figure: if they change, the page is redrawn."""
        return ""

    def heading(self, name: str) -> str:
        """Return the heading of one of :meth:`figures` as HTML; escape text from data."""
        return escape(name)

    def for_rows(self, start: int, stop: int | None) -> Self:
        """Return the same panel for a range of rows, on the same axis."""
        other = type(self)(**self.get_params())
        other.row_range = (start, stop)
        other.__dict__["axis"] = self.axis  # keeps the units while the range moves
        return other

    @cached_property
    def schema(self) -> Schema:
        """Schema of the stored rows."""
        return self.run.schema(self.key)

    @cached_property
    def detected(self) -> bool:
        """Whether the last channels are those of a detector."""
        return self.schema.channel_names[-3:] == DETECTOR_CHANNELS

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input channels, without those of a detector or forecaster."""
        names = self.schema.channel_names[:-3] if self.detected else self.schema.channel_names
        forecast = {name + SUFFIX for name in names}
        return tuple(name for name in names if name not in forecast)

    @cached_property
    def events(self) -> list[Event]:
        """Events of this series, in order of the estimated change."""
        return sorted(self.run.events(self.key), key=lambda e: (e.change_index, e.alarm_index))

    @cached_property
    def in_warmup(self) -> bool:
        """Whether the detector is in warm-up at the last row, so that no alarm is possible."""
        n = self.run.n_rows(self.key)
        if not self.detected or not n:
            return False
        last = self.run.downsample(self.key, ("threshold",), points=1, start=n - 1)
        return not np.isfinite(last.minimum[-1:]).any()

    @cached_property
    def time_range(self) -> tuple[int, int]:
        """Times of the first and the last row (of the last bucket, if rows are not stored)."""
        name, n = self.schema.channel_names[-1:], self.run.n_rows(self.key)
        if not n:
            return 0, 0
        first = self.run.downsample(self.key, name, points=1, stop=1)
        last = self.run.downsample(self.key, name, points=1, start=n - 1)
        return int(first.times[0]), int(last.times[-1])

    @cached_property
    def axis(self) -> TimeAxis:
        """Time axis of the series."""
        return TimeAxis.of(self.schema, *self.time_range, self.run.n_rows(self.key))

    def buckets(self, names: Sequence[str], points: int) -> DownsampledBuckets:
        """Return channels of the shown rows in at most ``points`` buckets."""
        return downsampled(self.run, self.key, names, points, self.row_range)

    def to_axis(
        self, rows: NDArray[np.int64], times: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return the axis positions of rows, and their row numbers in the source."""
        numbers = self.schema.first_row + rows * self.schema.row_step
        return self.axis.place(times, numbers), numbers

    def change_positions(self) -> dict[str, Floats]:
        """Return the axis positions of changes and alarms.

        An offline detector raises no alarm: NaN.
        """
        changes = self.axis.place(
            [e.change_time for e in self.events], [e.change_index for e in self.events]
        )
        alarms = self.axis.place(
            [e.alarm_time for e in self.events], [e.alarm_index for e in self.events]
        )
        offline = np.array([e.detector in OFFLINE_DETECTORS for e in self.events], dtype=bool)
        alarms = np.where(offline, np.nan, alarms)  # no detection delay
        return {"change": changes, "alarm": alarms}

    def change_spans(self) -> dict[str, Floats]:
        """Return columns ``x`` and ``left`` of the change, ``right`` of the alarm."""
        marks = self.change_positions()
        shown = thin_positions(marks["change"])
        change, alarm = marks["change"][shown], marks["alarm"][shown]
        return {"x": change, "left": change, "right": alarm}
