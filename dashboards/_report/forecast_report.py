"""The page of a forecast: what was learnt, what is expected, its bands, and the true rows."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Floats, Schema
from streamlyt.dashboards._page.html import badge, legend, page, panel_section, picture, plain_table
from streamlyt.dashboards._panel import Table
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .run_report import write_whole

__all__ = ["ForecastPlotData", "write_forecast_report"]

_SHOWN = 6  # channels; more would be a page that nobody reads
_SERIES = 12


@dataclass(frozen=True)
class ForecastPlotData:
    """Rows of a series, and a forecast of some of them.

    Parameters
    ----------
    times
        Shape (n,), of the schema's unit.
    rows
        Numbers of the rows, shape (n,).
    values
        What came, shape (n, d); NaN where that is not known.
    middle, lower, upper
        What was expected, shapes (n, d); NaN where nothing was.
    valid
        Number of the row up to which the forecast is expected to hold; None where that is all.
    """

    times: NDArray[np.int64]
    rows: NDArray[np.int64]
    values: Floats
    middle: Floats
    lower: Floats
    upper: Floats
    valid: int | None = None


def write_forecast_report(
    series: Mapping[str, tuple[Schema, ForecastPlotData, str]],
    path: str | os.PathLike[str],
    title: str,
    lead: str,
    facts: Sequence[tuple[str, str]] = (),
    pipeline: str = "",
) -> Path:
    """Write one page over the forecasts of several series; it asks for nothing from outside.

    Parameters
    ----------
    series
        By name: its channels, what is drawn, and a sentence about it.
    path
        Where the page goes. It appears whole or not at all.
    title, lead
        Heading, and the result in a sentence.
    facts
        Values and what they count, for the header.
    pipeline
        How it can be done again, as TOML.

    Raises
    ------
    MissingDependencyError
        If Bokeh is not installed.
    SinkError
        If the page cannot be written.
    """
    from streamlyt.dashboards._plotting.figures import (  # Bokeh costs most of a second
        embedded,
        library,
    )

    scripts, body = "", ""
    for number, (key, (schema, drawn, told)) in enumerate(list(series.items())[:_SERIES]):
        models, cards = _cards(number, schema, drawn)
        drawing, divs = embedded(models)
        scripts += drawing
        plots = "".join(
            panel_section(
                f"s{number}-{i}", f"s{number}", heading, about, before + divs[name] + after
            )
            for i, (name, heading, about, before, after) in enumerate(cards)
        )
        note = f"<p>{escape(told)}</p>" if len(series) > 1 else ""  # alone, it is the lead
        hidden = "" if key else ' class="unseen"'
        body += (
            f'<section class="series" aria-labelledby="s{number}"><h2 id="s{number}"{hidden}>'
            f"{escape(key) or 'The forecast'}</h2>{note}"
            f'<div class="plots" style="display:grid;gap:16px">{plots}</div></section>'
        )
    pills = [badge(value, label) for value, label in facts]
    foot = "<p>Made by streamlyt. This page stands alone: it loads nothing from anywhere.</p>"
    if pipeline:
        shown = f"<pre>{escape(pipeline)}</pre>"
        foot = f"<details><summary>The model as a pipeline</summary>{shown}</details>{foot}"
    goal = Path(path)
    write_whole(goal, page(title, lead, pills, body, foot, library() + scripts))
    return goal


def _cards(
    number: int, schema: Schema, drawn: ForecastPlotData
) -> tuple[dict[str, Any], list[tuple[str, str, str, str, str]]]:
    """Return the figures by name, and for each its card: headings and what stands around it."""
    axis = TimeAxis.of(schema, int(drawn.times[0]), int(drawn.times[-1]), len(drawn.times))
    models: dict[str, Any] = {}
    cards = []
    shared = None
    about = "Line: what came. Dashes: what was expected. Area: its band."
    for i, channel in enumerate(schema.channels[:_SHOWN]):
        name = f"s{number}-c{i}"
        models[name], shared = _figure(axis, drawn, i, shared)
        unit = f" ({channel.unit})" if channel.unit else ""
        known = [("key truth", "what came"), ("key expected", "expected, with its band")]
        if drawn.valid is not None:
            known.append(("key change", "expected to hold until here"))
        keys = legend(*known)
        before, after = picture("\0", f"Chart of {channel.name}. Its numbers follow.").split("\0")
        table = plain_table(_table(schema, axis, drawn, i))
        cards.append((name, channel.name + unit, about, keys + before, after + table))
    return models, cards


def _figure(axis: TimeAxis, drawn: ForecastPlotData, i: int, shared: Any) -> tuple[Any, Any]:
    from streamlyt.dashboards._plotting import figures as draw
    from streamlyt.dashboards._plotting.annotations import hover

    held = draw.source(
        x=axis.place(drawn.times, drawn.rows),
        row=drawn.rows,
        truth=drawn.values[:, i],
        middle=drawn.middle[:, i],
        lower=drawn.lower[:, i],
        upper=drawn.upper[:, i],
    )
    plot = draw.time_figure(axis, 240, shared, tools=i == 0)
    band = plot.varea("x", y1="lower", y2="upper", source=held, fill_alpha=0.25)
    draw.set_colors(band.glyph, fill_color="statistic")
    truth = plot.line("x", "truth", source=held, line_width=1.4, line_join="round")
    draw.set_colors(truth.glyph, line_color="soft")
    line = plot.line("x", "middle", source=held, line_width=1.8, line_dash=[6, 3])
    draw.set_colors(line.glyph, line_color="statistic")
    if drawn.valid is not None:
        at = int(np.searchsorted(drawn.rows, drawn.valid))
        until = plot.vspan(x=[float(axis.place(drawn.times, drawn.rows)[at])], line_dash=[5, 3])
        draw.set_colors(until.glyph, line_color="change")
    told = {
        "came": "@truth{0,0.[000]}",
        "expected": "@middle{0,0.[000]} (@lower{0,0.[000]} to @upper{0,0.[000]})",
    }
    hover(plot, axis, [truth], told)
    return plot, shared or plot.x_range


def _table(schema: Schema, axis: TimeAxis, drawn: ForecastPlotData, i: int) -> Table:
    at = np.flatnonzero(np.isfinite(drawn.middle[:, i]))
    rows = []
    for k in at:
        numbers = (drawn.middle, drawn.lower, drawn.upper, drawn.values)
        cells = [f"{n[k, i]:,.4g}" if np.isfinite(n[k, i]) else "–" for n in numbers]
        rows.append((axis.text(int(drawn.times[k]), int(drawn.rows[k])), *cells))
    headings = (schema.row_label, "expected", "from", "to", "came")
    return Table(f"The forecast of {schema.channels[i].name}", headings, tuple(rows))
