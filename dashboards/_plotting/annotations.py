"""What is drawn on a figure beside its curves: changes, shaded stretches, heat, hovers."""

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
)
from bokeh.plotting import figure

from .figures import set_colors
from .palette import LIGHT
from .time_axis import TimeAxis

__all__ = ["add_changes", "field", "heat_map", "hover", "shade"]

_LONGEST = 11  # letters of a name beside a plot
_HATCHED = 0.16  # opacity of shaded stretches: seen, and the lines over them still read


def hover(plot: figure, axis: TimeAxis, glyphs: Sequence[Any], lines: Mapping[str, str]) -> None:
    """Tell time, row number and ``lines`` (label -> field) of what is under the pointer."""
    place = axis.params()
    told = [] if axis.kind == "row" else [("time", place["tip"])]
    plot.add_tools(
        HoverTool(
            renderers=list(glyphs),
            mode="vline",
            tooltips=[*told, (axis.schema.row_label, "@row{0,0}"), *lines.items()],
            formatters=place["formatters"],
            line_policy="nearest",
            attachment="horizontal",
        )
    )


def add_changes(plot: figure, held: ColumnDataSource, *, tails: bool = True) -> None:
    """Draw a line where each change began, and shade the wait until its alarm.

    ``held`` has the columns of :meth:`Panel.strips`.
    """
    if tails:
        waits = plot.vstrip(x0="left", x1="right", source=held, line_color=None, fill_alpha=0.15)
        set_colors(waits.glyph, fill_color="change")
    spans = plot.vspan(x="x", source=held, line_dash=[5, 3], line_width=1.4)
    set_colors(spans.glyph, line_color="change")
    # Not as annotations: what lies beside the stretch that is shown would be drawn over the axis.
    for bystander in plot.renderers[-(2 if tails else 1) :]:
        bystander.level = "glyph"


def shade(plot: figure, held: ColumnDataSource) -> None:
    """Shade stretches of time, from ``left`` to ``right``, in which nothing is promised."""
    strips = plot.vstrip(x0="left", x1="right", source=held, line_color=None)
    strips.glyph.fill_alpha = _HATCHED
    strips.level = "underlay"
    set_colors(strips.glyph, fill_color="shade")


def heat_map(
    plot: figure, axis: TimeAxis, held: Mapping[str, ColumnDataSource], top: int
) -> LinearColorMapper:
    """Draw the image in ``held["grid"]`` and name its ``top`` rows from below by ``held["names"]``.

    Its column ``high`` is the movement that gets the last colour.
    """
    high = float(held["grid"].data["high"][0])
    mapper = LinearColorMapper(palette=LIGHT["heat"], low=1.0, high=high, nan_color="rgba(0,0,0,0)")
    set_colors(mapper, palette="heat")
    held["grid"].js_on_change(
        "data", CustomJS(args={"to": mapper}, code="to.high = cb_obj.data.high[0]")
    )
    options: dict[str, Any] = {"color_mapper": mapper, "level": "image"}
    drawn = plot.image(image="image", x="x", y=0, dw="dw", dh=top, source=held["grid"], **options)
    plot.yaxis.ticker = FixedTicker(ticks=[i + 0.5 for i in range(top)])
    plot.yaxis.formatter = _named(held["names"])
    plot.yaxis.major_label_text_font_size = "11px" if top <= 30 else "9px"
    plot.ygrid.visible = False
    _tell_cells(plot, axis, drawn, held["names"], ("moved", "@image{0.0} σ"))
    return mapper


def field(
    plot: figure,
    axis: TimeAxis,
    held: ColumnDataSource,
    names: ColumnDataSource,
    top: int,
    label: str,
) -> LinearColorMapper:
    """Draw the image in ``held`` about zero; its column ``high`` gets the last colour.

    Its ``top`` rows are ``names``, the lowest first; ``label`` stands before a value.
    """
    high = float(held.data["high"][0])
    mapper = LinearColorMapper(
        palette=LIGHT["field"], low=-high, high=high, nan_color="rgba(0,0,0,0)"
    )
    set_colors(mapper, palette="field")
    held.js_on_change(
        "data",
        CustomJS(
            args={"to": mapper},
            code="to.setv({low: -cb_obj.data.high[0], high: cb_obj.data.high[0]})",
        ),
    )
    options: dict[str, Any] = {"color_mapper": mapper, "level": "image"}
    drawn = plot.image(image="image", x="x", y=0, dw="dw", dh=top, source=held, **options)
    plot.yaxis.ticker = FixedTicker(ticks=[i + 0.5 for i in (0, top // 2, top - 1)])
    plot.yaxis.formatter = _named(names)
    plot.ygrid.visible = False
    _tell_cells(plot, axis, drawn, names, (label, "@image{0,0.[000]}"))
    return mapper


def _named(names: ColumnDataSource) -> CustomJSTickFormatter:
    """Return the names of rows as ticks, cut where they are long.

    A formatter, as text given for a tick would be searched for formulas, and MathJax fetched.
    """
    return CustomJSTickFormatter(
        args={"held": names},
        code=f"""const name = String(held.data.name[Math.floor(tick)] ?? "")
return name.length <= {_LONGEST} ? name : name.slice(0, {_LONGEST - 1}) + "…" """,
    )


def _tell_cells(
    plot: figure, axis: TimeAxis, drawn: Any, names: ColumnDataSource, told: tuple[str, str]
) -> None:
    """Tell row, time and value of the cell of an image that is under the pointer."""
    row_name = CustomJSHover(
        args={"held": names},
        code="const n = held.data.name\n"
        "return n[Math.max(0, Math.min(n.length - 1, Math.floor(value)))]",
    )
    place = axis.params()
    plot.add_tools(
        HoverTool(
            renderers=[drawn],
            tooltips=[
                ("", "$y{custom}"),
                ("time" if axis.kind != "row" else axis.unit, place["tip"].replace("@x", "$x")),
                told,
            ],
            formatters={
                "$y": row_name,
                **{f.replace("@x", "$x"): how for f, how in place["formatters"].items()},
            },
        )
    )
