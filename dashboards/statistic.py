"""The detector's statistic against its threshold, with the changes marked."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats

from ._data.downsampling import overview_of, thin_positions
from ._panel import OFF_LINE, Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["ChangePoints"]

_LOG_ABOVE = 40.0  # a peak this many thresholds high would press everything else to the floor
_TABLE_ROWS = 20
_COARSE = 500  # buckets that the vertical axis is chosen by


class ChangePoints(Panel):
    """The statistic against the threshold: where it rises above, there is an alarm.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Buckets a line at most; each is drawn from its minimum to its maximum.

    Notes
    -----
    While the detector learns, its threshold is infinite: nothing is drawn there and the stretch
    is shaded. Of a bucket the lowest threshold and the whole range of the statistic are drawn.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> seen = ChangePoints(example_run(), "a").data()
    >>> seen["change"], seen["alarm"], seen["highest"][[0, 250]], seen["threshold"][[0, 250]]
    (array([250.]), array([255.]), array([1., 6.]), array([nan,  4.]))
    """

    title = "Statistic against threshold"
    order = 10
    alt_text = (
        "Chart of the statistic against its threshold over time. Its numbers follow as a table."
    )
    description = (
        "The statistic says how unlike the recent rows are to the rows before. "
        "An alarm is raised where it passes the threshold; the dashed line is where the change "
        "is estimated to have begun."
    )

    def data(self) -> dict[str, Array]:
        """Return x, row, lowest, highest, threshold by bucket, and change, alarm, height by event.

        ``height`` is the statistic at an alarm, NaN for a finding of an off-line detector.
        """
        seen = self.buckets(("statistic", "threshold"), self.points)
        x, row = self.to_axis(seen.rows, seen.times)
        threshold = seen.minimum[:, 1]
        heights = [e.statistic if e.detector not in OFF_LINE else np.nan for e in self.events]
        return {
            "x": x,
            "row": row,
            "lowest": seen.minimum[:, 0],
            "highest": seen.maximum[:, 0],
            "threshold": np.where(np.isfinite(threshold), threshold, np.nan),
            "height": np.array(heights, dtype=np.float64),
            **self.change_positions(),
        }

    def is_applicable(self) -> bool:
        """Whether the rows end in the columns of a detector."""
        return self.detected

    def worth_drawing(self) -> bool:
        """Whether there is anything to see: a run may end before the detector has learnt."""
        if not self.detected:
            return False
        seen = self.data()
        moves = np.isfinite(seen["highest"]) & (seen["highest"] != 0)
        return bool(moves.any() or np.isfinite(seen["threshold"]).any())

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        keys = [("key statistic", "statistic"), ("key threshold", "threshold")]
        if len(self.learning(seen)[0]):
            keys.append(("key learning", "learning: no alarm possible"))
        if self.events:
            keys.append(("key change", "change began (estimate)"))
        if any(e.detector not in OFF_LINE for e in self.events):
            keys.append(("key alarm", "alarm"))
        return keys

    @cached_property
    def scale(self) -> tuple[float, bool]:
        """Return the lower end of the vertical axis and whether it is logarithmic.

        Both are those of the whole series, so that a part of it is drawn on the same paper.
        """
        if not self.run.n_rows(self.key):
            return 0.0, False
        seen = overview_of(self.run, self.key, ("statistic", "threshold"), _COARSE)
        return _floor(seen.maximum[:, 0], seen.minimum[:, 0], seen.minimum[:, 1])

    def redraw_key(self) -> str:
        """Return which vertical axis it has."""
        floor, log = self.scale
        return "log" if log else "linear" if floor >= 0 else "below zero"

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, the stretches without a threshold, the changes and the alarms."""
        floor, log = self.scale
        curve = {name: seen[name] for name in ("x", "row", "lowest", "highest", "threshold")}
        if log:
            curve |= {name: np.maximum(seen[name], floor) for name in ("lowest", "highest")}
        left, right = self.learning(seen)
        kept = thin_positions(seen["alarm"])
        return {
            "curve": curve | {"floor": np.full(len(seen["x"]), floor)},
            "learning": {"left": left, "right": right},
            "changes": self.change_spans(),
            "alarms": {"x": seen["alarm"][kept], "height": seen["height"][kept]},
        }

    def learning(self, columns: dict[str, Array]) -> tuple[Floats, Floats]:
        """Return where the stretches without a threshold begin and end, on the axis."""
        x, blind = columns["x"], np.isnan(columns["threshold"])
        if not blind.any():
            return np.empty(0), np.empty(0)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], blind.astype(np.int8), [0]))))
        begin, end = edges[::2], edges[1::2]
        return x[begin], np.append(x, x[-1])[end]

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from bokeh.models import DataRange1d

        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        floor, log = self.scale
        held = self.bokeh_sources(self.data())
        curve = held["curve"]
        scale: dict[str, Any] = (
            {"y_axis_type": "log"}
            if log
            else {"y_range": DataRange1d(start=floor) if floor >= 0 else DataRange1d()}
        )
        plot = draw.time_figure(self.axis, 300, x_range, tools=True, **scale)
        mark.shade(plot, held["learning"])
        under = plot.varea("x", y1="floor", y2="lowest", source=curve, fill_alpha=0.22)
        band = plot.varea("x", y1="lowest", y2="highest", source=curve, fill_alpha=0.42)
        line = plot.line("x", "highest", source=curve, line_width=1.3, line_join="round")
        limit = plot.line("x", "threshold", source=curve, line_width=1.6, line_dash=[7, 4])
        draw.set_colors(under.glyph, fill_color="statistic")
        draw.set_colors(band.glyph, fill_color="statistic")
        draw.set_colors(line.glyph, line_color="statistic")
        draw.set_colors(limit.glyph, line_color="threshold")
        mark.add_changes(plot, held["changes"])
        alarms = plot.scatter(
            "x",
            "height",
            source=held["alarms"],
            marker="inverted_triangle",
            size=11,
            line_width=1.5,
        )
        draw.set_colors(alarms.glyph, fill_color="alarm", line_color="card")
        told = {"statistic": "@highest{0,0.[00]}", "threshold": "@threshold{0,0.[00]}"}
        mark.hover(plot, self.axis, [line], told)
        return plot

    def table(self) -> Table:
        """Return the highest statistic and the threshold in a few stretches of time."""
        seen = self.data()
        n = len(seen["x"])
        parts = min(_TABLE_ROWS, n)
        rows = []
        last = self.schema.source_row(self.run.n_rows(self.key) - 1)
        starts = [i * n // parts for i in range(parts)]
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            end = int(seen["row"][stop]) - self.schema.row_step if stop < n else last
            highest = _told(np.fmax.reduce(seen["highest"][first:stop]))
            limits = seen["threshold"][first:stop]
            known = limits[np.isfinite(limits)]
            limit = _told(known.min()) if known.size else "learning"
            rows.append((f"{int(seen['row'][first]):,} – {end:,}", highest, limit))
        headings = (f"{self.schema.row_label}s", "highest statistic", "lowest threshold")
        return Table("Statistic and threshold in stretches of time", headings, tuple(rows))


def _floor(highest: Floats, lowest: Floats, threshold: Floats) -> tuple[float, bool]:
    """Return the lower end of the vertical axis and whether it is logarithmic."""
    limits, values, lows = (part[np.isfinite(part)] for part in (threshold, highest, lowest))
    if not limits.size or not values.size or limits.min() <= 0:
        return min(0.0, float(lows.min()) if lows.size else 0.0), False
    if values.max() > _LOG_ABOVE * np.median(limits):
        return float(np.median(limits)) / 30.0, True
    return float(min(0.0, lows.min())), False


def _told(value: float) -> str:
    return f"{value:,.3g}" if np.isfinite(value) else "–"
