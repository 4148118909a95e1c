"""The page of a model that learnt a table: its score as rows came, beside who learns nothing."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.core import Floats, Schema
from streamlyt.dashboards._page.html import badge, legend, page, panel_section, picture, plain_table
from streamlyt.dashboards._panel import Table
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .run_report import write_whole

__all__ = ["write_learning_report"]

_ROWS = 20  # of the table: more is what the curve is for
# Lines by their places: the model first, who learns nothing from inputs after it.
_PARTS = ("statistic", "threshold", "change", "series-2")
_STYLE = (
    "<style>"
    + "".join(f".key.line-{i}{{border-color:var(--{part})}}" for i, part in enumerate(_PARTS))
    + "</style>"
)


def write_learning_report(
    curves: Mapping[str, tuple[Floats, Floats]],
    path: str | os.PathLike[str],
    title: str,
    lead: str,
    measure: str,
    facts: Sequence[tuple[str, str]] = (),
    pipeline: str = "",
) -> Path:
    """Write the page of a learning curve; it asks for nothing from outside.

    Parameters
    ----------
    curves
        By name, at most four: last rows of the parts and their scores, all over the same parts.
    path
        Where the page goes. It appears whole or not at all.
    title, lead
        Heading, and the result in a sentence.
    measure
        What a score is, as ``"mean absolute error"``.
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

    drawing, divs = embedded({"curve": _figure(curves)})
    before, after = picture("\0", f"Chart of the {measure}. Its numbers follow.").split("\0")
    keys = legend(*((f"key line-{i}", name) for i, name in enumerate(curves)))
    body = panel_section(
        "curve",
        "learning",
        f"{measure[:1].upper()}{measure[1:]} as rows came",
        "Each point is the score over one of equal parts of the table, each row predicted before "
        "it was learnt.",
        _STYLE + keys + before + divs["curve"] + after + plain_table(_table(curves, measure)),
    )
    main = (
        '<section class="series" aria-labelledby="learning">'
        '<h2 id="learning" class="unseen">The learning curve</h2>'
        f'<div class="plots">{body}</div></section>'
    )
    pills = [badge(value, label) for value, label in facts]
    foot = "<p>Made by streamlyt. This page stands alone: it loads nothing from anywhere.</p>"
    if pipeline:
        shown = f"<pre>{escape(pipeline)}</pre>"
        foot = f"<details><summary>The model as a pipeline</summary>{shown}</details>{foot}"
    goal = Path(path)
    write_whole(goal, page(title, lead, pills, main, foot, library() + drawing))
    return goal


def _figure(curves: Mapping[str, tuple[Floats, Floats]]) -> Any:
    from streamlyt.dashboards._plotting import figures as draw
    from streamlyt.dashboards._plotting.annotations import hover

    rows = next(iter(curves.values()))[0]
    last = int(rows[-1])
    axis = TimeAxis.of(Schema.of("score"), 0, last, last + 1)
    named = {f"score_{i}": score for i, (_, score) in enumerate(curves.values())}
    held = draw.source(x=rows, row=rows.astype(np.int64), **named)
    plot = draw.time_figure(axis, 320, None, tools=True)
    lines = []
    for i in reversed(range(len(curves))):  # the model is drawn last, over the others
        width = 1.4 if i else 2.2
        line = plot.line("x", f"score_{i}", source=held, line_width=width, line_join="round")
        draw.set_colors(line.glyph, line_color=_PARTS[i])
        lines.append(line)
    told = {name: f"@score_{i}{{0,0.[0000]}}" for i, name in enumerate(curves)}
    hover(plot, axis, lines[-1:], told)
    return plot


def _table(curves: Mapping[str, tuple[Floats, Floats]], measure: str) -> Table:
    ends = next(iter(curves.values()))[0]
    shown = np.unique(np.linspace(0, len(ends) - 1, _ROWS).astype(int))
    rows = [
        (f"{int(ends[k]):,}", *(f"{score[k]:,.4g}" for _, score in curves.values())) for k in shown
    ]
    return Table(f"The {measure} of parts of the table", ("last row", *curves), tuple(rows))
