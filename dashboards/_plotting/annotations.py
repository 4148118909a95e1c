"""Annotations of a figure: changes, shaded spans, heat maps and hovers."""

from collections.abc import Mapping, Sequence
from typing import Any

from .bokeh_import import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    figure,
)
from .figures import set_colors
from .palette import LIGHT
from .time_axis import TimeAxis

__all__ = ["add_changes", "field", "heat_map", "hover", "shade"]

_MAX_NAME = 11  # characters of a name next to a plot
_SHADE_ALPHA = 0.16  # opacity of shaded spans; lines over them stay readable


def hover(plot: figure, axis: TimeAxis, glyphs: Sequence[Any], lines: Mapping[str, str]) -> None:
    """Show time, row number and ``lines`` (label -> field) of the glyph under the pointer."""
    axis_format = axis.params()
    tooltips = [] if axis.kind == "row" else [("time", axis_format["tip"])]
    plot.add_tools(
        HoverTool(
            renderers=list(glyphs),
            mode="vline",
            tooltips=[*tooltips, (axis.schema.row_label, "@row{0,0}"), *lines.items()],
            formatters=axis_format["formatters"],
            line_policy="nearest",
            attachment="horizontal",
        )
    )


def add_changes(plot: figure, data_source: ColumnDataSource, *, tails: bool = True) -> None:
    """Draw a line at each change, and shade the detection delay.

    ``data_source`` has the columns of :meth:`Panel.change_spans`.
    """
    if tails:
        waits = plot.vstrip(
            x0="left", x1="right", source=data_source, line_color=None, fill_alpha=0.15
        )
        set_colors(waits.glyph, fill_color="change")
    spans = plot.vspan(x="x", source=data_source, line_dash=[5, 3], line_width=1.4)
    set_colors(spans.glyph, line_color="change")
    # Not as annotations: those outside the visible range would be drawn over the axis.
    for renderer in plot.renderers[-(2 if tails else 1) :]:
        renderer.level = "glyph"


def shade(plot: figure, data_source: ColumnDataSource) -> None:
    """Shade the spans from ``left`` to ``right`` in which no alarm is possible."""
    strips = plot.vstrip(x0="left", x1="right", source=data_source, line_color=None)
    strips.glyph.fill_alpha = _SHADE_ALPHA
    strips.level = "underlay"
    set_colors(strips.glyph, fill_color="shade")


def heat_map(
    plot: figure, axis: TimeAxis, data_source: Mapping[str, ColumnDataSource], top: int
) -> LinearColorMapper:
    """Draw the image in ``data_source["grid"]``; name its ``top`` rows, the lowest first.

    The names are in ``data_source["names"]``; column ``high`` is the end of the color scale.
    """
    high = float(data_source["grid"].data["high"][0])
    mapper = LinearColorMapper(palette=LIGHT["heat"], low=1.0, high=high, nan_color="rgba(0,0,0,0)")
    set_colors(mapper, palette="heat")
    data_source["grid"].js_on_change(
        "data", CustomJS(args={"to": mapper}, code="to.high = cb_obj.data.high[0]")
    )
    options: dict[str, Any] = {"color_mapper": mapper, "level": "image"}
    image = plot.image(
        image="image", x="x", y=0, dw="dw", dh=top, source=data_source["grid"], **options
    )
    plot.yaxis.ticker = FixedTicker(ticks=[i + 0.5 for i in range(top)])
    plot.yaxis.formatter = _named(data_source["names"])
    plot.yaxis.major_label_text_font_size = "11px" if top <= 30 else "9px"
    plot.ygrid.visible = False
    _add_cell_hover(plot, axis, image, data_source["names"], ("deviation", "@image{0.0} σ"))
    return mapper


def field(
    plot: figure,
    axis: TimeAxis,
    data_source: ColumnDataSource,
    names: ColumnDataSource,
    top: int,
    label: str,
) -> LinearColorMapper:
    """Draw the image in ``data_source`` around zero; column ``high`` is the end of the color scale.

    Its ``top`` rows are ``names``, the lowest first; ``label`` is the label of a value.
    """
    high = float(data_source.data["high"][0])
    mapper = LinearColorMapper(
        palette=LIGHT["field"], low=-high, high=high, nan_color="rgba(0,0,0,0)"
    )
    set_colors(mapper, palette="field")
    data_source.js_on_change(
        "data",
        CustomJS(
            args={"to": mapper},
            code="to.setv({low: -cb_obj.data.high[0], high: cb_obj.data.high[0]})",
        ),
    )
    options: dict[str, Any] = {"color_mapper": mapper, "level": "image"}
    image = plot.image(image="image", x="x", y=0, dw="dw", dh=top, source=data_source, **options)
    plot.yaxis.ticker = FixedTicker(ticks=[i + 0.5 for i in (0, top // 2, top - 1)])
    plot.yaxis.formatter = _named(names)
    plot.ygrid.visible = False
    _add_cell_hover(plot, axis, image, names, (label, "@image{0,0.[000]}"))
    return mapper


def _named(names: ColumnDataSource) -> CustomJSTickFormatter:
    """Return a formatter that shows row names as ticks, shortened if they are long.

    With tick label overrides, Bokeh would search the text for formulas and load MathJax.
    """
    return CustomJSTickFormatter(
        args={"held": names},
        code=f"""const name = String(held.data.name[Math.floor(tick)] ?? "")
return name.length <= {_MAX_NAME} ? name : name.slice(0, {_MAX_NAME - 1}) + "…" """,
    )


def _add_cell_hover(
    plot: figure, axis: TimeAxis, image: Any, names: ColumnDataSource, tooltips: tuple[str, str]
) -> None:
    """Show row, time and value of the image cell under the pointer."""
    row_name = CustomJSHover(
        args={"held": names},
        code="const n = held.data.name\n"
        "return n[Math.max(0, Math.min(n.length - 1, Math.floor(value)))]",
    )
    axis_format = axis.params()
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[
                ("", "$y{custom}"),
                (
                    "time" if axis.kind != "row" else axis.unit,
                    axis_format["tip"].replace("@x", "$x"),
                ),
                tooltips,
            ],
            formatters={
                "$y": row_name,
                **{f.replace("@x", "$x"): how for f, how in axis_format["formatters"].items()},
            },
        )
    )
