"""Detection statistic and threshold, with changes and alarms."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats

from ._data.downsampling import downsampled, thin_positions
from ._panel import OFFLINE_DETECTORS, Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["ChangePoints"]

_LOG_ABOVE = 40.0  # thresholds; above, a linear axis would flatten everything but the peak
_TABLE_ROWS = 20
_COARSE = 500  # buckets used to choose the vertical axis


class ChangePoints(Panel):
    """Detection statistic and threshold: an alarm is raised if the statistic exceeds it.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of buckets per line; each is drawn from its minimum to its maximum.

    Notes
    -----
    In the warm-up the threshold is infinite: it is not drawn, and the span is shaded. Of each
    bucket, the lowest threshold and the full range of the statistic are drawn.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> seen = ChangePoints(example_run(), "a").data()
    >>> seen["change"], seen["alarm"], seen["highest"][[0, 250]], seen["threshold"][[0, 250]]
    (array([250.]), array([255.]), array([1., 6.]), array([nan,  4.]))
    """

    title = "Detection statistic"
    order = 10
    alt_text = "Chart of the detection statistic and its threshold over time. A data table follows."
    description = (
        "Distance between the recent and the reference distribution. Alarm: statistic > threshold. "
        "Dashed line: estimated change point."
    )

    def data(self) -> dict[str, Array]:
        """Return x, row, lowest, highest, threshold by bucket, and change, alarm, height by event.

        ``height`` is the statistic at an alarm, NaN for an offline detector.
        """
        buckets = self.buckets(("statistic", "threshold"), self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        threshold = buckets.minimum[:, 1]
        heights = [
            e.statistic if e.detector not in OFFLINE_DETECTORS else np.nan for e in self.events
        ]
        return {
            "x": x,
            "row": row,
            "lowest": buckets.minimum[:, 0],
            "highest": buckets.maximum[:, 0],
            "threshold": np.where(np.isfinite(threshold), threshold, np.nan),
            "height": np.array(heights, dtype=np.float64),
            **self.change_positions(),
        }

    def is_applicable(self) -> bool:
        """Whether the last channels are those of a detector."""
        return self.detected

    def has_content(self) -> bool:
        """Whether there is anything to draw: a run may end during the warm-up."""
        if not self.detected:
            return False
        data = self.data()
        moves = np.isfinite(data["highest"]) & (data["highest"] != 0)
        return bool(moves.any() or np.isfinite(data["threshold"]).any())

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        keys = [("key statistic", "statistic"), ("key threshold", "threshold")]
        if len(self.warmup_spans(data)[0]):
            keys.append(("key warmup", "warm-up: no alarm possible"))
        if self.events:
            keys.append(("key change", "change point (estimate)"))
        if any(e.detector not in OFFLINE_DETECTORS for e in self.events):
            keys.append(("key alarm", "alarm"))
        return keys

    @cached_property
    def scale(self) -> tuple[float, bool]:
        """Return the lower end of the vertical axis and whether it is logarithmic.

        Both are those of the complete series, so that a part of it uses the same axis.
        """
        if not self.run.n_rows(self.key):
            return 0.0, False
        buckets = downsampled(self.run, self.key, ("statistic", "threshold"), _COARSE)
        return _floor(buckets.maximum[:, 0], buckets.minimum[:, 0], buckets.minimum[:, 1])

    def redraw_key(self) -> str:
        """Return the type of the vertical axis."""
        floor, log = self.scale
        return "log" if log else "linear" if floor >= 0 else "below zero"

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, the warm-up spans, the changes and the alarms."""
        floor, log = self.scale
        curve = {name: data[name] for name in ("x", "row", "lowest", "highest", "threshold")}
        if log:
            curve |= {name: np.maximum(data[name], floor) for name in ("lowest", "highest")}
        left, right = self.warmup_spans(data)
        shown = thin_positions(data["alarm"])
        return {
            "curve": curve | {"floor": np.full(len(data["x"]), floor)},
            "warmup": {"left": left, "right": right},
            "changes": self.change_spans(),
            "alarms": {"x": data["alarm"][shown], "height": data["height"][shown]},
        }

    def warmup_spans(self, columns: dict[str, Array]) -> tuple[Floats, Floats]:
        """Return the axis positions at which the spans without a threshold begin and end."""
        x, blind = columns["x"], np.isnan(columns["threshold"])
        if not blind.any():
            return np.empty(0), np.empty(0)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], blind.astype(np.int8), [0]))))
        begin, end = edges[::2], edges[1::2]
        return x[begin], np.append(x, x[-1])[end]

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import DataRange1d

        floor, log = self.scale
        sources = self.bokeh_sources(self.data())
        curve = sources["curve"]
        scale: dict[str, Any] = (
            {"y_axis_type": "log"}
            if log
            else {"y_range": DataRange1d(start=floor) if floor >= 0 else DataRange1d()}
        )
        plot = draw.time_figure(self.axis, 300, x_range, tools=True, **scale)
        mark.shade(plot, sources["warmup"])
        under = plot.varea("x", y1="floor", y2="lowest", source=curve, fill_alpha=0.22)
        band = plot.varea("x", y1="lowest", y2="highest", source=curve, fill_alpha=0.42)
        line = plot.line("x", "highest", source=curve, line_width=1.3, line_join="round")
        limit = plot.line("x", "threshold", source=curve, line_width=1.6, line_dash=[7, 4])
        draw.set_colors(under.glyph, fill_color="statistic")
        draw.set_colors(band.glyph, fill_color="statistic")
        draw.set_colors(line.glyph, line_color="statistic")
        draw.set_colors(limit.glyph, line_color="threshold")
        mark.add_changes(plot, sources["changes"])
        alarms = plot.scatter(
            "x",
            "height",
            source=sources["alarms"],
            marker="inverted_triangle",
            size=11,
            line_width=1.5,
        )
        draw.set_colors(alarms.glyph, fill_color="alarm", line_color="card")
        tooltips = {"statistic": "@highest{0,0.[00]}", "threshold": "@threshold{0,0.[00]}"}
        mark.hover(plot, self.axis, [line], tooltips)
        return plot

    def table(self) -> Table:
        """Return the highest statistic and the lowest threshold in segments of time."""
        data = self.data()
        n = len(data["x"])
        parts = min(_TABLE_ROWS, n)
        rows = []
        last = self.schema.source_row(self.run.n_rows(self.key) - 1)
        starts = [i * n // parts for i in range(parts)]
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            end = int(data["row"][stop]) - self.schema.row_step if stop < n else last
            highest = _format(np.fmax.reduce(data["highest"][first:stop]))
            limits = data["threshold"][first:stop]
            known = limits[np.isfinite(limits)]
            limit = _format(known.min()) if known.size else "warm-up"
            rows.append((f"{int(data['row'][first]):,} – {end:,}", highest, limit))
        headings = (f"{self.schema.row_label}s", "highest statistic", "lowest threshold")
        return Table("Statistic and threshold in segments of time", headings, tuple(rows))


def _floor(highest: Floats, lowest: Floats, threshold: Floats) -> tuple[float, bool]:
    """Return the lower end of the vertical axis and whether it is logarithmic."""
    limits, values, lows = (part[np.isfinite(part)] for part in (threshold, highest, lowest))
    if not limits.size or not values.size or limits.min() <= 0:
        return min(0.0, float(lows.min()) if lows.size else 0.0), False
    if values.max() > _LOG_ABOVE * np.median(limits):
        return float(np.median(limits)) / 30.0, True
    return float(min(0.0, lows.min())), False


def _format(value: float) -> str:
    return f"{value:,.3g}" if np.isfinite(value) else "–"
