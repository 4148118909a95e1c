"""What was forecast beside what came: truth, forecast with its band, and the error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.forecaster import SUFFIX

from ._data.rolling_error import rolling_error
from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Forecasts"]

_DRAWN = 4  # channels
_MEMORY = 50  # buckets that the band looks back over
_WIDE = 2.0  # the band is so many root mean square errors wide to either side
_TABLE_ROWS = 20
_VALID = 0.4  # of the error over the spread of the series: as in evaluate.valid_rows
_HELD = "For how long it has held"


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

    A forecast holds while the root mean square over the channels drawn of error over spread is at
    most 0.4; the valid time at a row is how many rows it has held without a break.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_forecast
    >>> seen = Forecasts(example_forecast(), "a").data()
    >>> seen["truth_0"][:3].tolist(), seen["forecast_0"][:3].tolist()
    ([0.0, 1.0, 2.0], [0.0, 0.0, 1.0])
    >>> float(seen["error_0"][-1]), float(round(seen["upper_0"][-1] - seen["forecast_0"][-1], 6))
    (1.0, 2.0)
    """

    title = "Forecast and what came"
    description = (
        "Line: what came. Dashes: what was forecast a row ahead. Area: twice the forecast's recent "
        "error to either side. Below: the error, and last the valid time: for how many rows the "
        "error has stayed within 0.4 of the spread of what came."
    )
    order = 15
    alt_text = "Chart over time. The errors follow as a table."

    def is_applicable(self) -> bool:
        """Whether there is a forecast beside some channel."""
        return bool(self.channels)

    def figure_names(self) -> Sequence[str]:
        """Return the channels drawn, and what stands over the valid time."""
        return [*self.channels, _HELD] if self.channels else []

    @property
    def channels(self) -> Sequence[str]:
        """Return the channels drawn."""
        names = self.schema.channel_names
        return [name for name in names if name + SUFFIX in names][:_DRAWN]

    def data(self) -> dict[str, Array]:
        """Return x, row, valid, and of channel i truth, forecast, lower, upper, error: ``truth_i``.

        The error is that of the bucket's mean; NaN where nothing was forecast.
        """
        names = self.channels
        seen = self.buckets([*names, *(name + SUFFIX for name in names)], self.points)
        x, row = self.to_axis(seen.rows, seen.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(len(names)):
            truth, forecast = seen.mean[:, i], seen.mean[:, len(names) + i]
            error = truth - forecast
            spread = _WIDE * rolling_error(error, _MEMORY, before=True)
            drawn[f"truth_{i}"], drawn[f"forecast_{i}"] = truth, forecast
            drawn[f"lower_{i}"], drawn[f"upper_{i}"] = forecast - spread, forecast + spread
            drawn[f"error_{i}"] = error
        errors = seen.mean[:, : len(names)] - seen.mean[:, len(names) :]
        drawn["valid"] = _held(errors, seen.mean[:, : len(names)], seen.rows)
        return drawn

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key truth", "what came"), ("key expected", "forecast, with its band"))

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, and the changes."""
        floor = np.where(np.isfinite(seen["valid"]), 0.0, np.nan)  # an area has holes, too
        return {"curve": seen | {"floor": floor}, "changes": self.change_spans()}

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return a Bokeh model a channel: truth and forecast, and the error below."""
        from bokeh.layouts import column
        from bokeh.models import BasicTicker, DataRange1d

        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        held = self.bokeh_sources(self.data())
        drawn: dict[str, Any] = {}
        curve = held["curve"]
        for i, name in enumerate(self.channels):
            plot = draw.time_figure(self.axis, 150, x_range)
            x_range = x_range or plot.x_range
            band = plot.varea("x", y1=f"lower_{i}", y2=f"upper_{i}", source=curve, fill_alpha=0.25)
            truth = plot.line("x", f"truth_{i}", source=curve, line_width=1.4, line_join="round")
            line = plot.line("x", f"forecast_{i}", source=curve, line_width=1.5, line_dash=[6, 3])
            draw.set_colors(band.glyph, fill_color="statistic")
            draw.set_colors(truth.glyph, line_color="soft")
            draw.set_colors(line.glyph, line_color="statistic")
            plot.xaxis.visible = False
            below = draw.time_figure(self.axis, 96, x_range)
            error = below.line("x", f"error_{i}", source=curve, line_width=1.2)
            draw.set_colors(error.glyph, line_color="series-2")
            told = {
                "came": f"@truth_{i}{{0,0.[000]}}",
                "forecast": f"@forecast_{i}{{0,0.[000]}}",
                "error": f"@error_{i}{{0,0.[000]}}",
            }
            for each, over in ((plot, truth), (below, error)):
                each.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
                mark.add_changes(each, held["changes"])
                mark.hover(each, self.axis, [over], told)
            below.xaxis.visible = False
            drawn[name] = column(plot, below, sizing_mode="stretch_width")
        last = draw.time_figure(self.axis, 120, x_range, y_range=DataRange1d(start=0.0))
        area = last.varea("x", y1="floor", y2="valid", source=curve, fill_alpha=0.22)
        line = last.line("x", "valid", source=curve, line_width=1.4)
        draw.set_colors(area.glyph, fill_color="change")
        draw.set_colors(line.glyph, line_color="change")
        last.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        mark.hover(last, self.axis, [line], {"has held for": "@valid{0,0} rows"})
        drawn[_HELD] = last
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures, one above the other."""
        from bokeh.layouts import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return the root mean square error of each channel in a few stretches of time."""
        names, seen = self.channels, self.data()
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
            longest = np.nanmax(seen["valid"][first:stop], initial=0.0)
            rows.append((f"from {int(seen['row'][first]):,}", *told, f"{longest:,.0f}"))
        headings = (self.schema.row_label, *names, "held, rows at most")
        return Table("Root mean square error of the forecast", headings, tuple(rows))


def _held(errors: Floats, truth: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return for how many rows, at each, errors (p, c) have stayed small; NaN where unknown."""
    if not len(rows):
        return np.empty(0)
    known = np.isfinite(errors).all(axis=1)
    if not known.any():
        return np.full(len(rows), np.nan)
    spread = np.nanvar(truth, axis=0)
    counted = spread > 0  # a channel that stands still has no scale
    ratio = np.mean(errors[:, counted] ** 2 / spread[counted], axis=1) if counted.any() else 0.0
    with np.errstate(invalid="ignore"):
        broken = ~known | (np.asarray(ratio) > _VALID**2)
    last = np.maximum.accumulate(np.where(broken, np.arange(len(rows)), -1))
    since = rows[np.maximum(last, 0)].astype(np.float64)
    return np.where(known, rows - since, np.nan)
