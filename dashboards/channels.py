"""Channels with the largest contribution."""

from collections.abc import Sequence
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array

from ._data.deviations import BINS, bucket_means, deviations, ranking
from ._data.downsampling import ReadableRun
from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Observable"]

DRAWN = 4  # channels; more would push the heat map off the first screen
_SEGMENTS = 12  # segments between changes in the table


class Observable(Panel):
    """Channels with the largest contribution, each with its own scale.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    channels
        Names of the channels; by default those of the events, then by deviation.
    points
        Maximum number of buckets per line; line: mean, band: minimum to maximum.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> panel = Observable(example_run(), "a", points=4)
    >>> panel.chosen, (panel.data()["mean_0"] > 2).tolist()
    (('x', 'y'), [False, False, True, True])
    """

    title = "Channels with the largest contribution"
    order = 20
    alt_text = "Chart over time. A data table of all shown channels follows."
    description = "Line: mean of each bucket of rows. Band: minimum to maximum."

    def __init__(
        self, run: ReadableRun, key: str, channels: Sequence[str] | None = None, points: int = 1000
    ) -> None:
        super().__init__(run, key, points)
        self.channels = channels

    @cached_property
    def chosen(self) -> tuple[str, ...]:
        """Names of the shown channels."""
        if self.channels is not None:
            return tuple(self.channels)
        _, _, means = bucket_means(self.run, self.key, self.inputs, BINS)
        return ranking(deviations(means), self.schema, self.inputs, self.events)[:DRAWN]

    def data(self) -> dict[str, Array]:
        """Return x and row by bucket, and for channel i ``lowest_i``, ``highest_i``, ``mean_i``."""
        buckets = self.buckets(self.chosen, self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(buckets.mean.shape[1]):
            drawn[f"lowest_{i}"] = buckets.minimum[:, i]
            drawn[f"highest_{i}"] = buckets.maximum[:, i]
            drawn[f"mean_{i}"] = buckets.mean[:, i]
        return drawn

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves of all channels, and the changes."""
        return {"curve": data, "changes": self.change_spans()}

    def figure_names(self) -> Sequence[str]:
        """Return the names of the shown channels."""
        return self.chosen

    def heading(self, name: str) -> str:
        """Return the name of a channel with its color, unit and group."""
        channel = next(c for c in self.schema.channels if c.name == name)
        extra = [text for text in (channel.unit, channel.group) if text and text not in name]
        suffix = f" <small>({escape(', '.join(extra))})</small>" if extra else ""
        color = f"series-{self.chosen.index(name) % 4 + 1}"
        return f'<span class="dot {color}"></span>{escape(name)}{suffix}'

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return one Bokeh figure per channel by its name; only the last has time labels."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import BasicTicker

        sources = self.bokeh_sources(self.data())
        curve = sources["curve"]
        figures: dict[str, Any] = {}
        names = self.chosen
        for i, name in enumerate(names):
            last = i == len(names) - 1
            plot = draw.time_figure(self.axis, 128 if last else 92, x_range)
            band = plot.varea(
                "x", y1=f"lowest_{i}", y2=f"highest_{i}", source=curve, fill_alpha=0.28
            )
            line = plot.line("x", f"mean_{i}", source=curve, line_width=1.2, line_join="round")
            draw.set_colors(band.glyph, fill_color=f"series-{i % 4 + 1}")
            draw.set_colors(line.glyph, line_color=f"series-{i % 4 + 1}")
            mark.add_changes(plot, sources["changes"])
            plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
            if not last:
                plot.xaxis.visible = False
            tooltips = {
                "mean": f"@mean_{i}{{0,0.[000]}}",
                "range": f"@lowest_{i}{{0,0.[000]}} to @highest_{i}{{0,0.[000]}}",
            }
            mark.hover(plot, self.axis, [line], tooltips)
            x_range = x_range or plot.x_range
            figures[name] = plot
        return figures

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures in one column."""
        from ._plotting.bokeh_import import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return mean and range of each channel before, between and after the changes."""
        names = self.chosen
        buckets = self.buckets(names, 4000)
        _, numbers = self.to_axis(buckets.rows, buckets.times)
        cuts = sorted({e.change_index for e in self.events})[: _SEGMENTS - 1]
        end = self.schema.source_row(self.run.n_rows(self.key))
        bounds = [self.schema.first_row, *cuts, end]
        rows = []
        for first, stop in pairwise(bounds):
            inside = (numbers >= first) & (numbers < stop)
            if not inside.any():
                continue
            last = stop - self.schema.row_step
            cells = [_format(buckets, inside, i) for i in range(len(names))]
            rows.append((f"{first:,} – {last:,}", *cells))
        units = {c.name: f" ({c.unit})" if c.unit else "" for c in self.schema.channels}
        headings = (f"{self.schema.row_label}s", *(f"{name}{units[name]}" for name in names))
        return Table("Mean (minimum … maximum) before and after each change", headings, tuple(rows))


def _format(buckets: Any, inside: Array, i: int) -> str:
    mean = buckets.mean[inside, i]
    if not np.isfinite(mean).any():
        return "–"
    low, high = np.nanmin(buckets.minimum[inside, i]), np.nanmax(buckets.maximum[inside, i])
    return f"{np.nanmean(mean):,.3g} ({low:,.3g} … {high:,.3g})"
