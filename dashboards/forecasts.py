"""What was forecast beside what came: truth, forecast with its band, and the error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.base import Array
from streamlyt.forecaster import SUFFIX

from ._panel import Panel, Table
from ._rolling import rolling_error

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Forecasts"]

_DRAWN = 4  # channels
_MEMORY = 50  # buckets that the band looks back over
_WIDE = 2.0  # the band is so many root mean square errors wide to either side
_TABLE_ROWS = 20


class Forecasts(Panel):
    """Rows of a forecaster: each row was predicted before it came.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Buckets a line at most.

    Notes
    -----
    The band is twice the root mean square of the errors of the buckets just before, to either
    side of the forecast: where the truth leaves it, the forecast is worse than it was.

    Examples
    --------
    >>> from streamlyt.dashboards._example import example_forecast
    >>> seen = Forecasts(example_forecast(), "a").columns()
    >>> seen["truth_0"][:3].tolist(), seen["forecast_0"][:3].tolist()
    ([0.0, 1.0, 2.0], [0.0, 0.0, 1.0])
    >>> float(seen["error_0"][-1]), float(round(seen["upper_0"][-1] - seen["forecast_0"][-1], 6))
    (1.0, 2.0)
    """

    title = "Forecast and what came"
    about = (
        "Line: what came. Dashes: what was forecast a row ahead. Area: twice the forecast's recent "
        "error to either side. Below: the error."
    )
    order = 15
    label = "Chart over time. The errors follow as a table."

    def fits(self) -> bool:
        """Whether there is a forecast beside some channel."""
        return bool(self.figure_names())

    def figure_names(self) -> Sequence[str]:
        """Return the channels drawn."""
        names = self.schema.names
        return [name for name in names if name + SUFFIX in names][:_DRAWN]

    def columns(self) -> dict[str, Array]:
        """Return x, row, and of channel i truth, forecast, lower, upper and error, as ``truth_i``.

        The error is that of the bucket's mean; NaN where nothing was forecast.
        """
        names = self.figure_names()
        seen = self.buckets([*names, *(name + SUFFIX for name in names)], self.points)
        x, row = self.place(seen.rows, seen.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(len(names)):
            truth, forecast = seen.mean[:, i], seen.mean[:, len(names) + i]
            error = truth - forecast
            spread = _WIDE * rolling_error(error, _MEMORY, before=True)
            drawn[f"truth_{i}"], drawn[f"forecast_{i}"] = truth, forecast
            drawn[f"lower_{i}"], drawn[f"upper_{i}"] = forecast - spread, forecast + spread
            drawn[f"error_{i}"] = error
        return drawn

    def keys(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key truth", "what came"), ("key expected", "forecast, with its band"))

    def sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, and the changes."""
        return {"curve": seen, "changes": self.strips()}

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return a Bokeh model a channel: truth and forecast, and the error below."""
        from . import _canvas as draw  # Bokeh costs most of a second; columns() goes without
        from . import _marks as mark
        from ._bokeh import BasicTicker, column

        held, drawn = self.held(self.columns()), {}
        curve = held["curve"]
        for i, name in enumerate(self.figure_names()):
            plot = draw.chart(self.axis, 150, x_range)
            x_range = x_range or plot.x_range
            band = plot.varea("x", y1=f"lower_{i}", y2=f"upper_{i}", source=curve, fill_alpha=0.25)
            truth = plot.line("x", f"truth_{i}", source=curve, line_width=1.4, line_join="round")
            line = plot.line("x", f"forecast_{i}", source=curve, line_width=1.5, line_dash=[6, 3])
            draw.paint(band.glyph, fill_color="statistic")
            draw.paint(truth.glyph, line_color="soft")
            draw.paint(line.glyph, line_color="statistic")
            plot.xaxis.visible = False
            below = draw.chart(self.axis, 96, x_range)
            error = below.line("x", f"error_{i}", source=curve, line_width=1.2)
            draw.paint(error.glyph, line_color="series-2")
            told = {
                "came": f"@truth_{i}{{0,0.[000]}}",
                "forecast": f"@forecast_{i}{{0,0.[000]}}",
                "error": f"@error_{i}{{0,0.[000]}}",
            }
            for each, over in ((plot, truth), (below, error)):
                each.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
                mark.add_changes(each, held["changes"])
                mark.hover(each, self.axis, [over], told)
            drawn[name] = column(plot, below, sizing_mode="stretch_width")
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures, one above the other."""
        from ._bokeh import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return the root mean square error of each channel in a few stretches of time."""
        names, seen = self.figure_names(), self.columns()
        n = len(seen["row"])
        parts = min(_TABLE_ROWS, n)
        starts = [i * n // parts for i in range(parts)]
        rows = []
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            told = []
            for i in range(len(names)):
                error = seen[f"error_{i}"][first:stop]
                known = error[np.isfinite(error)]
                told.append(f"{np.sqrt(np.mean(known**2)):,.3g}" if known.size else "–")
            rows.append((f"from {int(seen['row'][first]):,}", *told))
        headings = (self.schema.row, *names)
        return Table("Root mean square error of the forecast", headings, tuple(rows))
