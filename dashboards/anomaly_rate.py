"""Anomaly rate: share of recent rows that an anomaly model flags."""

import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.former_names import current_tables
from streamlyt.registry import component_names

from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Anomalies"]

_MEMORY = 40  # buckets in the rolling rate
_MIN_BUCKETS = 10  # minimum number of buckets for a rate
_TABLE_ROWS = 20


class Anomalies(Panel):
    """Share of rows that an anomaly model flags.

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
    An anomaly model scores each row alone and has a target false-alarm rate; a rate above it shows
    that the data have changed. The rate covers the last 40 buckets, weighted by their rows. Rows
    of the warm-up, in which no alarm is possible, are excluded.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> panel = Anomalies(example_run(), "a", points=400)
    >>> panel.is_applicable(), panel.data()["rate"][[50, 249, -1]].tolist()
    (False, [nan, 0.0, 100.0])
    """

    title = "Anomaly rate"
    description = "Percentage of recent rows that are anomalies."
    order = 12
    alt_text = "Chart of the anomaly rate over time. A data table follows."

    def is_applicable(self) -> bool:
        """Whether the rows come from an anomaly model, not from a change detector."""
        if not self.detected:
            return False
        return bool(
            {*_operators(self.run.meta.get("pipeline")), *self._event_detectors}
            & {*component_names("models")}
        )

    @property
    def _event_detectors(self) -> set[str]:
        return {event.detector for event in self.events}

    def data(self) -> dict[str, Array]:
        """Return x and row by bucket, and the rate in percent; NaN if unknown."""
        buckets = self.buckets(("alarm", "threshold"), self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        stop = self.run.n_rows(self.key) if self.row_range[1] is None else self.row_range[1]
        rows = np.diff(buckets.rows, append=max(stop, *buckets.rows[-1:] + 1, 1)).astype(np.float64)
        able = np.isfinite(buckets.minimum[:, 1])
        return {"x": x, "row": row, "rate": 100.0 * _rolling(buckets.mean[:, 0], rows * able)}

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key statistic", "anomalies"),)

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curve."""
        floor = np.where(np.isfinite(data["rate"]), 0.0, np.nan)  # gaps in the area
        return {"curve": data | {"floor": floor}}

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import BasicTicker, DataRange1d, NumeralTickFormatter

        curve = self.bokeh_sources(self.data())["curve"]
        plot = draw.time_figure(self.axis, 150, x_range, y_range=DataRange1d(start=0.0))
        area = plot.varea("x", y1="floor", y2="rate", source=curve, fill_alpha=0.22)
        line = plot.line("x", "rate", source=curve, line_width=1.6, line_join="round")
        draw.set_colors(area.glyph, fill_color="statistic")
        draw.set_colors(line.glyph, line_color="statistic")
        plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        plot.yaxis[0].formatter = NumeralTickFormatter(format="0.[00]")
        mark.hover(plot, self.axis, [line], {"anomalies": "@rate{0.[000]} %"})
        return plot

    def table(self) -> Table:
        """Return the rate at selected rows."""
        data = self.data()
        shown = np.unique(np.linspace(0, len(data["row"]) - 1, _TABLE_ROWS).astype(int))
        rows = [
            (f"{int(data['row'][k]):,}", f"{rate:.3g}" if np.isfinite(rate) else "warm-up")
            for k, rate in zip(shown, data["rate"][shown], strict=True)
        ]
        return Table("Anomaly rate", (self.schema.row_label, "percent"), tuple(rows))


def _operators(pipeline: Any) -> set[str]:
    """Return the operator names of a pipeline; empty if it cannot be parsed."""
    try:
        tables = current_tables(tomllib.loads(str(pipeline or "")))
    except tomllib.TOMLDecodeError:
        return set()  # several pipelines on one page: the events name the detectors
    return {str(one.get("type")) for one in tables.get("operators", []) if isinstance(one, dict)}


def _rolling(share: Floats, rows: Floats) -> Floats:
    """Return the rolling share over the last buckets, weighted by their rows."""
    share, n = np.where(rows > 0, share, 0.0), len(rows)
    start, stop = np.maximum(np.arange(n) + 1 - _MEMORY, 0), np.arange(n) + 1
    anomalies, all_ = (np.concatenate([[0.0], np.cumsum(part)]) for part in (share * rows, rows))
    n_rows = all_[stop] - all_[start]
    n_rows[np.cumsum(rows > 0) < _MIN_BUCKETS] = 0.0
    n_anomalies = np.maximum(anomalies[stop] - anomalies[start], 0.0)
    return np.asarray(np.divide(n_anomalies, n_rows, out=np.full(n, np.nan), where=n_rows > 0))
