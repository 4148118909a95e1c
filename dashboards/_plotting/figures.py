"""Bokeh figures of this project, with colors by role."""

from collections.abc import Mapping
from typing import Any

from streamlyt.core import Array

from .bokeh_import import (
    BoxZoomTool,
    ColumnDataSource,
    DataRange1d,
    DatetimeTickFormatter,
    Model,
    NumeralTickFormatter,
    PanTool,
    PlainText,
    Range,
    Range1d,
    ResetTool,
    Resources,
    SaveTool,
    WheelZoomTool,
    components,
    figure,
)
from .palette import LIGHT
from .serialization import to_float32
from .time_axis import TimeAxis

__all__ = ["bokeh_script", "embed_figures", "set_colors", "source", "time_figure", "time_range"]

LEFT, RIGHT = 78, 14  # px of margin, the same in every plot, so that the time axes are aligned


def set_colors(model: Model, **parts: str) -> Model:
    """Set properties to colors of the palette; the theme switch of the page reads the tag."""
    model.update(**{prop: LIGHT[part] for prop, part in parts.items()})
    model.tags = [{"paint": {**_painted(model), **parts}}]
    return model


def _painted(model: Model) -> dict[str, str]:
    return dict(model.tags[0]["paint"]) if model.tags else {}


def source(name: str | None = None, /, **columns: Array) -> ColumnDataSource:
    """Return columns for glyphs in single precision; axis positions stay double.

    Infinite values become NaN and are not drawn.
    """
    return ColumnDataSource({n: to_float32(n, column) for n, column in columns.items()}, name=name)


def time_figure(
    axis: TimeAxis, height: int, x_range: Range | None, *, tools: bool = False, **options: Any
) -> figure:
    """Return an empty figure over time; only with ``tools`` is its toolbar visible.

    All figures have the same tools. Figures that share a time axis zoom and pan together.
    """
    zoom, pan = BoxZoomTool(dimensions="width"), PanTool(dimensions="width")
    plot = figure(
        height=height,
        x_range=x_range if x_range is not None else DataRange1d(range_padding=0),
        sizing_mode="stretch_width",
        x_axis_type="datetime" if axis.kind == "date" else "linear",
        tools=[zoom, pan, WheelZoomTool(dimensions="width"), ResetTool(), SaveTool()],
        active_drag=zoom,
        active_scroll=None,  # scrolling the page must not zoom a chart
        toolbar_location="above" if tools else None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_left=LEFT,
        min_border_right=RIGHT,
        min_border_top=6,
        output_backend="canvas",
        **options,
    )
    plot.toolbar.logo = None
    plot.toolbar.stylesheets = [
        ":host > .bk-divider { opacity: 0.25; }"
    ]  # too bright in the dark theme
    if axis.kind != "date":
        plot.xaxis.formatter = NumeralTickFormatter(format="0,0.[000]")
    else:
        plot.xaxis.formatter = DatetimeTickFormatter(
            seconds="%H:%M:%S",
            minsec="%H:%M:%S",
            minutes="%H:%M",
            hourmin="%H:%M",
            hours="%d %b %H:%M",
            days="%d %b %Y",
            months="%b %Y",
        )
    plot.xaxis.axis_label = PlainText(text=axis.label)
    for side in plot.xaxis + plot.yaxis:
        side.update(
            major_label_text_font_size="11px",
            axis_label_text_font_size="11px",
            axis_label_text_font_style="normal",
            axis_label_standoff=4,
            minor_tick_line_color=None,
            major_tick_in=0,
        )
        set_colors(
            side,
            axis_line_color="line",
            major_tick_line_color="line",
            major_label_text_color="muted",
            axis_label_text_color="muted",
        )
    plot.yaxis.axis_line_color = plot.yaxis.major_tick_line_color = None
    plot.yaxis[0].tags = [{"paint": {"major_label_text_color": "muted"}}]
    plot.xgrid.grid_line_color = None
    set_colors(plot.ygrid[0], grid_line_color="grid")
    return plot


def time_range(left: float, right: float) -> Range1d:
    """Return the time range that the figures of a series share."""
    return Range1d(start=left, end=right if right > left else left + 1.0)


def bokeh_script() -> str:
    """Return the script of Bokeh: the core only, as the other parts would double the page."""
    return str(Resources(mode="inline", components=["bokeh"]).render_js())


def embed_figures(models: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the script that draws ``models`` as one document, and a container for each by name."""
    if not models:
        return "", {}
    script, containers = components(dict(models))
    return str(script), dict(containers)
