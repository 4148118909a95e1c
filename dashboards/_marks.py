"""What is drawn on a figure beside its curves: changes, shaded stretches, heat, hovers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streamlyt.base import Array, Floats

from ._axis import TimeAxis
from ._bokeh import CustomJSHover, FixedTicker, HoverTool, LinearColorMapper, PlainText, figure
from ._canvas import paint, source
from ._theme import LIGHT

__all__ = ["add_changes", "apart", "extent_of", "heat_map", "hover", "shade"]

_HATCHED = 0.16  # opacity of shaded stretches: seen, and the lines over them still read


def hover(plot: figure, axis: TimeAxis, glyphs: Sequence[Any], lines: Mapping[str, str]) -> None:
    """Tell time, row number and ``lines`` (label -> field) of what is under the pointer."""
    place = axis.params()
    told = [] if axis.kind == "row" else [("time", place["tip"])]
    plot.add_tools(
        HoverTool(
            renderers=list(glyphs),
            mode="vline",
            tooltips=[*told, (axis.schema.row, "@row{0,0}"), *lines.items()],
            formatters=place["formatters"],
            line_policy="nearest",
            attachment="horizontal",
        )
    )


def add_changes(plot: figure, marks: Mapping[str, Floats], *, tails: bool = True) -> None:
    """Draw a line where each change began, and shade the wait until its alarm."""
    kept = apart(marks["change"])
    marks = {name: places[kept] for name, places in marks.items()}
    held = source(left=marks["change"], right=marks["alarm"], x=marks["change"])
    if tails:
        waits = plot.vstrip(x0="left", x1="right", source=held, line_color=None, fill_alpha=0.15)
        paint(waits.glyph, fill_color="change")
    spans = plot.vspan(x="x", source=held, line_dash=[5, 3], line_width=1.4)
    paint(spans.glyph, line_color="change")
    for bystander in plot.renderers[-(2 if tails else 1) :]:
        bystander.level = "annotation"  # over the heat map


def apart(places: Floats, cells: int = 500) -> Array:
    """Return the numbers of marks to draw: all, or one in each of ``cells`` stretches.

    Marks that stand nowhere (NaN) are left out.
    """
    known = np.flatnonzero(np.isfinite(places))
    if len(known) <= cells:
        return known
    here = places[known]
    width = float(np.ptp(here)) or 1.0
    _, first = np.unique(np.floor((here - here.min()) / width * cells), return_index=True)
    return known[first]


def shade(plot: figure, left: Floats, right: Floats) -> None:
    """Shade stretches of time in which nothing is promised."""
    strips = plot.vstrip(
        x0="left", x1="right", source=source(left=left, right=right), line_color=None
    )
    strips.glyph.fill_alpha = _HATCHED
    strips.level = "underlay"
    paint(strips.glyph, fill_color="shade")


def heat_map(
    plot: figure, axis: TimeAxis, grid: Floats, names: Sequence[str], extent: tuple[float, float]
) -> LinearColorMapper:
    """Draw ``grid``, shape (rows, times), its first row at the top, and name the rows."""
    top, low, high = len(names), 1.0, extent_of(grid)
    mapper = LinearColorMapper(palette=LIGHT["heat"], low=low, high=high, nan_color="rgba(0,0,0,0)")
    paint(mapper, palette="heat")
    options: dict[str, Any] = {"color_mapper": mapper, "level": "image"}
    drawn = plot.image(
        image=[np.ascontiguousarray(grid[::-1], dtype=np.float32)],
        x=extent[0],
        y=0,
        dw=extent[1] - extent[0],
        dh=top,
        **options,
    )
    shown = [shortened(name) for name in names]
    at = [top - 0.5 - i for i in range(top)]
    plot.yaxis.ticker = FixedTicker(ticks=at)
    # PlainText: a name between dollar signs would make Bokeh fetch MathJax from outside.
    plot.yaxis.major_label_overrides = {
        y: PlainText(text=name) for y, name in zip(at, shown, strict=True)
    }
    plot.yaxis.major_label_text_font_size = "11px" if top <= 30 else "9px"
    plot.ygrid.visible = False
    row_name = CustomJSHover(
        args={"names": list(names)[::-1]},
        code="return names[Math.max(0, Math.min(names.length - 1, Math.floor(value)))]",
    )
    place = axis.params()
    plot.add_tools(
        HoverTool(
            renderers=[drawn],
            tooltips=[
                ("", "$y{custom}"),
                ("time" if axis.kind != "row" else axis.unit, place["tip"].replace("@x", "$x")),
                ("moved", "@image{0.0} σ"),
            ],
            formatters={
                "$y": row_name,
                **{f.replace("@x", "$x"): how for f, how in place["formatters"].items()},
            },
        )
    )
    return mapper


def extent_of(grid: Floats) -> float:
    """Return the movement that gets the last colour: the highest but for a few stray cells.

    It is kept between 6 and 20: noise should stay pale, and one leap leave the rest in sight.
    """
    known = grid[np.isfinite(grid)]
    return float(np.clip(np.percentile(known, 99.7), 6.0, 20.0)) if known.size else 6.0


def shortened(name: str, most: int = 11) -> str:
    """Return a name that fits beside a plot."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
