"""Import of Bokeh with a clear error if it is not installed."""

from streamlyt.core.errors import MissingDependencyError

try:
    from bokeh.embed import components
    from bokeh.layouts import column
    from bokeh.models import (
        BasicTicker,
        BoxZoomTool,
        ColumnDataSource,
        CustomJS,
        CustomJSHover,
        CustomJSTickFormatter,
        DataRange1d,
        DatetimeTickFormatter,
        FixedTicker,
        HoverTool,
        LinearColorMapper,
        Model,
        NumeralTickFormatter,
        PanTool,
        PlainText,
        Range,
        Range1d,
        ResetTool,
        SaveTool,
        WheelZoomTool,
    )
    from bokeh.models.widgets import Div
    from bokeh.plotting import figure
    from bokeh.resources import Resources
except ImportError as problem:
    raise MissingDependencyError("bokeh", "dashboard") from problem

__all__ = [
    "BasicTicker",
    "BoxZoomTool",
    "ColumnDataSource",
    "CustomJS",
    "CustomJSHover",
    "CustomJSTickFormatter",
    "DataRange1d",
    "DatetimeTickFormatter",
    "Div",
    "FixedTicker",
    "HoverTool",
    "LinearColorMapper",
    "Model",
    "NumeralTickFormatter",
    "PanTool",
    "PlainText",
    "Range",
    "Range1d",
    "ResetTool",
    "Resources",
    "SaveTool",
    "WheelZoomTool",
    "column",
    "components",
    "figure",
]
