"""Forecast vs. observed: one-step forecast with its band, error and valid prediction time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats
from streamlyt.core.forecaster import SUFFIX

from ._data.rolling_error import rolling_error
from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Forecasts"]

_DRAWN = 4  # channels
_MEMORY = 50  # buckets in the rolling error of the band
_BAND_RMSE = 2.0  # half-width of the band in root mean square errors
_TABLE_ROWS = 20
_VALID = 0.4  # threshold of error over spread, as in streamlyt.evaluate
_VALID_TIME = "Valid prediction time"


class Forecasts(Panel):
    """Rows of a forecaster: each row is predicted before it is observed.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of buckets per line.

    Notes
    -----
    The band is the forecast ± twice the root mean square error of the preceding buckets: where the
    observed values leave it, the forecast has become worse.

    A forecast is valid while the root mean square over the shown channels of error over spread is
    at most 0.4; the valid prediction time at a row is the number of rows since this was exceeded.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_forecast
    >>> seen = Forecasts(example_forecast(), "a").data()
    >>> seen["truth_0"][:3].tolist(), seen["forecast_0"][:3].tolist()
    ([0.0, 1.0, 2.0], [0.0, 0.0, 1.0])
    >>> float(seen["error_0"][-1]), float(round(seen["upper_0"][-1] - seen["forecast_0"][-1], 6))
    (1.0, 2.0)
    """

    title = "Forecast vs. observed"
    description = (
        "Solid: observed. Dashed: one-step forecast. Shaded: ±2 RMSE. Below: the error, and last "
        "the valid prediction time: rows for which the error has stayed within 0.4 of the spread."
    )
    order = 15
    alt_text = "Chart over time. A data table of the errors follows."

    def is_applicable(self) -> bool:
        """Whether some channel has a forecast."""
        return bool(self.channels)

    def figure_names(self) -> Sequence[str]:
        """Return the shown channels, and the heading of the valid prediction time."""
        return [*self.channels, _VALID_TIME] if self.channels else []

    @property
    def channels(self) -> Sequence[str]:
        """Return the shown channels."""
        names = self.schema.channel_names
        return [name for name in names if name + SUFFIX in names][:_DRAWN]

    def data(self) -> dict[str, Array]:
        """Return x, row, valid, and of channel i truth, forecast, lower, upper, error: ``truth_i``.

        The error is that of the bucket mean; NaN without a forecast.
        """
        names = self.channels
        buckets = self.buckets([*names, *(name + SUFFIX for name in names)], self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        drawn: dict[str, Array] = {"x": x, "row": row}
        for i in range(len(names)):
            truth, forecast = buckets.mean[:, i], buckets.mean[:, len(names) + i]
            error = truth - forecast
            spread = _BAND_RMSE * rolling_error(error, _MEMORY, before=True)
            drawn[f"truth_{i}"], drawn[f"forecast_{i}"] = truth, forecast
            drawn[f"lower_{i}"], drawn[f"upper_{i}"] = forecast - spread, forecast + spread
            drawn[f"error_{i}"] = error
        errors = buckets.mean[:, : len(names)] - buckets.mean[:, len(names) :]
        drawn["valid"] = _valid_rows(errors, buckets.mean[:, : len(names)], buckets.rows)
        return drawn

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key truth", "observed"), ("key expected", "one-step forecast ±2 RMSE"))

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, and the changes."""
        floor = np.where(np.isfinite(data["valid"]), 0.0, np.nan)  # gaps in the area
        return {"curve": data | {"floor": floor}, "changes": self.change_spans()}

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return one Bokeh model per channel: observed and forecast, and the error below."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import BasicTicker, DataRange1d, column

        sources = self.bokeh_sources(self.data())
        models: dict[str, Any] = {}
        curve = sources["curve"]
        for i, name in enumerate(self.channels):
            plot = draw.time_figure(self.axis, 150, x_range)
            x_range = x_range or plot.x_range
            band = plot.varea("x", y1=f"lower_{i}", y2=f"upper_{i}", source=curve, fill_alpha=0.25)
            truth = plot.line("x", f"truth_{i}", source=curve, line_width=1.4, line_join="round")
            line = plot.line("x", f"forecast_{i}", source=curve, line_width=1.5, line_dash=[6, 3])
            draw.set_colors(band.glyph, fill_color="statistic")
            draw.set_colors(truth.glyph, line_color="muted")
            draw.set_colors(line.glyph, line_color="statistic")
            plot.xaxis.visible = False
            below = draw.time_figure(self.axis, 96, x_range)
            error = below.line("x", f"error_{i}", source=curve, line_width=1.2)
            draw.set_colors(error.glyph, line_color="series-2")
            tooltips = {
                "observed": f"@truth_{i}{{0,0.[000]}}",
                "forecast": f"@forecast_{i}{{0,0.[000]}}",
                "error": f"@error_{i}{{0,0.[000]}}",
            }
            for part, over in ((plot, truth), (below, error)):
                part.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
                mark.add_changes(part, sources["changes"])
                mark.hover(part, self.axis, [over], tooltips)
            below.xaxis.visible = False
            models[name] = column(plot, below, sizing_mode="stretch_width")
        last = draw.time_figure(self.axis, 120, x_range, y_range=DataRange1d(start=0.0))
        area = last.varea("x", y1="floor", y2="valid", source=curve, fill_alpha=0.22)
        line = last.line("x", "valid", source=curve, line_width=1.4)
        draw.set_colors(area.glyph, fill_color="change")
        draw.set_colors(line.glyph, line_color="change")
        last.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        mark.hover(last, self.axis, [line], {"valid for": "@valid{0,0} rows"})
        models[_VALID_TIME] = last
        return models

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures in one column."""
        from ._plotting.bokeh_import import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return the root mean square error of each channel in segments of time."""
        names, data = self.channels, self.data()
        n = len(data["row"])
        parts = min(_TABLE_ROWS, n)
        starts = [i * n // parts for i in range(parts)]
        rows = []
        for first, stop in zip(starts, [*starts[1:], n], strict=True):
            cells = []
            for i in range(len(names)):
                error = data[f"error_{i}"][first:stop]
                known = error[np.isfinite(error)]
                cells.append(f"{np.sqrt(np.mean(known**2)):,.3g}" if known.size else "–")
            longest = np.nanmax(data["valid"][first:stop], initial=0.0)
            rows.append((f"from {int(data['row'][first]):,}", *cells, f"{longest:,.0f}"))
        headings = (self.schema.row_label, *names, "valid prediction time (rows, maximum)")
        return Table("Root mean square error of the forecast", headings, tuple(rows))


def _valid_rows(errors: Floats, truth: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return for each row how long errors (p, c) have stayed small; NaN where unknown."""
    if not len(rows):
        return np.empty(0)
    known = np.isfinite(errors).all(axis=1)
    if not known.any():
        return np.full(len(rows), np.nan)
    spread = np.nanvar(truth, axis=0)
    counted = spread > 0  # a constant channel has no scale
    ratio = np.mean(errors[:, counted] ** 2 / spread[counted], axis=1) if counted.any() else 0.0
    with np.errstate(invalid="ignore"):
        broken = ~known | (np.asarray(ratio) > _VALID**2)
    last = np.maximum.accumulate(np.where(broken, np.arange(len(rows)), -1))
    since = rows[np.maximum(last, 0)].astype(np.float64)
    return np.where(known, rows - since, np.nan)
