"""Process metrics: throughput, consumer lag, prefetch queue, checkpoint age and memory."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array

from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Throughput"]

_TABLE_ROWS = 20


class Throughput(Panel):
    """Metrics of a process, one figure per metric.

    Parameters
    ----------
    run
        A :class:`ProcessRun`.
    key
        Key of the series.
    points
        Maximum number of buckets per line.

    Examples
    --------
    >>> from streamlyt.dashboards._server.process_run import ProcessRun
    >>> counted, seconds = iter([0, 500, 1500]), iter([0, 10**9, 2 * 10**9])
    >>> process = ProcessRun(lambda: {"rows": next(counted), "memory": 80.0}, lambda: next(seconds))
    >>> for _ in range(3):
    ...     process.sample()
    >>> seen = Throughput(process, "process").data()
    >>> seen["mean_0"].tolist(), seen["mean_4"].tolist()
    ([nan, 500.0, 1000.0], [80.0, 80.0, 80.0])
    """

    title = "Process metrics"
    description = (
        "One point per second for the last hour. "
        "Metrics that the process does not report are omitted."
    )
    order = 10
    alt_text = "Chart over time. A data table follows."

    def data(self) -> dict[str, Array]:
        """Return x and row, and for metric i ``lowest_i``, ``highest_i``, ``mean_i``."""
        buckets = self.buckets(self.schema.channel_names, self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(buckets.mean.shape[1]):
            drawn[f"lowest_{i}"] = buckets.minimum[:, i]
            drawn[f"highest_{i}"] = buckets.maximum[:, i]
            drawn[f"mean_{i}"] = buckets.mean[:, i]
        return drawn

    def figure_names(self) -> Sequence[str]:
        """Return the metrics that the process reports."""
        n = self.run.n_rows(self.key)
        buckets = self.run.downsample(self.key, points=1, start=n - 1) if n else None
        known = None if buckets is None else np.isfinite(buckets.mean[-1])
        names = self.schema.channel_names
        return [name for i, name in enumerate(names) if known is None or known[i] or i == 0]

    def heading(self, name: str) -> str:
        """Return the metric with its unit."""
        unit = next(c.unit for c in self.schema.channels if c.name == name)
        return f"{escape(name)} <small>({escape(unit)})</small>"

    def redraw_key(self) -> str:
        """Return the metrics that are drawn."""
        return ", ".join(self.figure_names())

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return one Bokeh figure per metric, by its name."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import BasicTicker, DataRange1d

        source, drawn = self.bokeh_sources(self.data())["main"], {}
        names = self.figure_names()
        units = {channel.name: channel.unit for channel in self.schema.channels}
        for i, name in enumerate(self.schema.channel_names):
            if name not in names:
                continue
            last = name == names[-1]
            scale: dict[str, Any] = {"y_range": DataRange1d(start=0.0)}
            plot = draw.time_figure(self.axis, 150 if last else 116, x_range, **scale)
            band = plot.varea("x", y1=0.0, y2=f"highest_{i}", source=source, fill_alpha=0.22)
            line = plot.line("x", f"mean_{i}", source=source, line_width=1.4, line_join="round")
            draw.set_colors(band.glyph, fill_color="statistic")
            draw.set_colors(line.glyph, line_color="statistic")
            plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
            plot.xaxis.visible = last
            mark.hover(plot, self.axis, [line], {units[name]: f"@mean_{i}{{0,0.[0]}}"})
            drawn[name] = plot
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures in one column."""
        from ._plotting.bokeh_import import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return the last seconds."""
        n = self.run.n_rows(self.key)
        start = max(0, n - _TABLE_ROWS)
        buckets = self.run.downsample(self.key, points=_TABLE_ROWS, start=start)
        rows = []
        for row, time, values in zip(buckets.rows, buckets.times, buckets.mean, strict=True):
            cells = [f"{value:,.4g}" if np.isfinite(value) else "–" for value in values]
            rows.append((self.axis.text(int(time), int(row)), *cells))
        units = [f"{c.name} ({c.unit})" for c in self.schema.channels]
        return Table("The last seconds", ("time", *units), tuple(rows[::-1]))
