"""The observable itself: the few channels that moved most."""

from collections.abc import Sequence
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array

from ._data.deviations import BINS, deviations, means_of, ranking
from ._data.downsampling import Run
from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Observable"]

DRAWN = 4  # channels; more would push the heat map off the first screen
_SEGMENTS = 12  # stretches between changes in the table


class Observable(Panel):
    """What was looked at: the channels that moved most, each with its own scale.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    channels
        Names of the channels; by default the first of every finding, then those that moved most.
    points
        Buckets a line at most; the band is from minimum to maximum, the line is the mean.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> panel = Observable(example_run(), "a", points=4)
    >>> panel.chosen, (panel.data()["mean_0"] > 2).tolist()
    (('x', 'y'), [False, False, True, True])
    """

    title = "The channels that moved most"
    order = 20
    alt_text = "Chart over time. The numbers of all channels drawn follow as a table."
    description = "Line: mean over a stretch of rows. Band: from its lowest to its highest value."

    def __init__(
        self, run: Run, key: str, channels: Sequence[str] | None = None, points: int = 1000
    ) -> None:
        super().__init__(run, key, points)
        self.channels = channels

    @cached_property
    def chosen(self) -> tuple[str, ...]:
        """Names of the channels that are drawn."""
        if self.channels is not None:
            return tuple(self.channels)
        _, _, means = means_of(self.run, self.key, self.inputs, BINS)
        return ranking(deviations(means), self.schema, self.inputs, self.events)[:DRAWN]

    def data(self) -> dict[str, Array]:
        """Return x and row by bucket, and for channel i ``lowest_i``, ``highest_i``, ``mean_i``."""
        seen = self.buckets(self.chosen, self.points)
        x, row = self.to_axis(seen.rows, seen.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(seen.mean.shape[1]):
            drawn[f"lowest_{i}"] = seen.minimum[:, i]
            drawn[f"highest_{i}"] = seen.maximum[:, i]
            drawn[f"mean_{i}"] = seen.mean[:, i]
        return drawn

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves of all channels, and the changes."""
        return {"curve": seen, "changes": self.change_spans()}

    def figure_names(self) -> Sequence[str]:
        """Return the names of the channels drawn."""
        return self.chosen

    def heading(self, name: str) -> str:
        """Return a channel's name in its colour, with unit and group."""
        channel = next(c for c in self.schema.channels if c.name == name)
        extra = [text for text in (channel.unit, channel.group) if text and text not in name]
        told = f" <small>({escape(', '.join(extra))})</small>" if extra else ""
        colour = f"series-{self.chosen.index(name) % 4 + 1}"
        return f'<span class="dot {colour}"></span>{escape(name)}{told}'

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return one Bokeh figure a channel by its name; only the last writes out its times."""
        from bokeh.models import BasicTicker

        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        sources = self.bokeh_sources(self.data())
        held = sources["curve"]
        drawn: dict[str, Any] = {}
        names = self.chosen
        for i, name in enumerate(names):
            last = i == len(names) - 1
            plot = draw.time_figure(self.axis, 128 if last else 92, x_range)
            band = plot.varea(
                "x", y1=f"lowest_{i}", y2=f"highest_{i}", source=held, fill_alpha=0.28
            )
            line = plot.line("x", f"mean_{i}", source=held, line_width=1.2, line_join="round")
            draw.set_colors(band.glyph, fill_color=f"series-{i % 4 + 1}")
            draw.set_colors(line.glyph, line_color=f"series-{i % 4 + 1}")
            mark.add_changes(plot, sources["changes"])
            plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
            if not last:
                plot.xaxis.visible = False
            told = {
                "mean": f"@mean_{i}{{0,0.[000]}}",
                "range": f"@lowest_{i}{{0,0.[000]}} to @highest_{i}{{0,0.[000]}}",
            }
            mark.hover(plot, self.axis, [line], told)
            x_range = x_range or plot.x_range
            drawn[name] = plot
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures, one above the other."""
        from bokeh.layouts import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return mean and range of each channel before, between and after the changes."""
        names = self.chosen
        seen = self.buckets(names, 4000)
        _, numbers = self.to_axis(seen.rows, seen.times)
        cuts = sorted({e.change_index for e in self.events})[: _SEGMENTS - 1]
        end = self.schema.source_row(self.run.n_rows(self.key))
        bounds = [self.schema.first_row, *cuts, end]
        rows = []
        for first, stop in pairwise(bounds):
            inside = (numbers >= first) & (numbers < stop)
            if not inside.any():
                continue
            last = stop - self.schema.row_step
            told = [_told(seen, inside, i) for i in range(len(names))]
            rows.append((f"{first:,} – {last:,}", *told))
        units = {c.name: f" ({c.unit})" if c.unit else "" for c in self.schema.channels}
        headings = (f"{self.schema.row_label}s", *(f"{name}{units[name]}" for name in names))
        return Table("Mean (lowest … highest) before and after each change", headings, tuple(rows))


def _told(seen: Any, inside: Array, i: int) -> str:
    mean = seen.mean[inside, i]
    if not np.isfinite(mean).any():
        return "–"
    low, high = np.nanmin(seen.minimum[inside, i]), np.nanmax(seen.maximum[inside, i])
    return f"{np.nanmean(mean):,.3g} ({low:,.3g} … {high:,.3g})"
