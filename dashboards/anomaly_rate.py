"""How often rows are strange: the rate of alarms of a model of anomalies."""

import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.registry import component_names

from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Anomalies"]

_MEMORY = 40  # buckets that the rate looks back over
_FEWEST = 10  # of them before a share means anything
_TABLE_ROWS = 20


class Anomalies(Panel):
    """The share of rows that a model of anomalies called strange.

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
    A model of anomalies judges each row alone and is asked for a rate of false alarms; it is the
    rate that tells whether the rows have become stranger. It is that of the last 40 buckets, by
    their rows. Rows of which no alarm was possible, as the model still learnt, are left out.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> panel = Anomalies(example_run(), "a", points=400)
    >>> panel.is_applicable(), panel.data()["rate"][[50, 249, -1]].tolist()
    (False, [nan, 0.0, 100.0])
    """

    title = "How often rows are strange"
    description = "The share of the rows just before that were called strange, in percent."
    order = 12
    alt_text = "Chart of the rate of anomalies over time. Its numbers follow as a table."

    def is_applicable(self) -> bool:
        """Whether the rows are those of a model of anomalies, and not of a detector of changes."""
        if not self.detected:
            return False
        return bool(
            {*_operators(self.run.meta.get("pipeline")), *self._found}
            & {*component_names("models")}
        )

    @property
    def _found(self) -> set[str]:
        return {event.detector for event in self.events}

    def data(self) -> dict[str, Array]:
        """Return x and row by bucket, and the rate in percent; NaN while nothing is known."""
        seen = self.buckets(("alarm", "threshold"), self.points)
        x, row = self.to_axis(seen.rows, seen.times)
        stop = self.run.n_rows(self.key) if self.row_range[1] is None else self.row_range[1]
        rows = np.diff(seen.rows, append=max(stop, *seen.rows[-1:] + 1, 1)).astype(np.float64)
        able = np.isfinite(seen.minimum[:, 1])
        return {"x": x, "row": row, "rate": 100.0 * _rolling(seen.mean[:, 0], rows * able)}

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key statistic", "rows called strange"),)

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curve."""
        floor = np.where(np.isfinite(seen["rate"]), 0.0, np.nan)  # an area has holes, too
        return {"curve": seen | {"floor": floor}}

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figure."""
        from bokeh.models import BasicTicker, DataRange1d, NumeralTickFormatter

        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        curve = self.bokeh_sources(self.data())["curve"]
        plot = draw.time_figure(self.axis, 150, x_range, y_range=DataRange1d(start=0.0))
        area = plot.varea("x", y1="floor", y2="rate", source=curve, fill_alpha=0.22)
        line = plot.line("x", "rate", source=curve, line_width=1.6, line_join="round")
        draw.set_colors(area.glyph, fill_color="statistic")
        draw.set_colors(line.glyph, line_color="statistic")
        plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=3)
        plot.yaxis[0].formatter = NumeralTickFormatter(format="0.[00]")
        mark.hover(plot, self.axis, [line], {"strange": "@rate{0.[000]} %"})
        return plot

    def table(self) -> Table:
        """Return the rate at a few rows."""
        seen = self.data()
        shown = np.unique(np.linspace(0, len(seen["row"]) - 1, _TABLE_ROWS).astype(int))
        rows = [
            (f"{int(seen['row'][k]):,}", f"{rate:.3g}" if np.isfinite(rate) else "learning")
            for k, rate in zip(shown, seen["rate"][shown], strict=True)
        ]
        return Table("Rows called strange", (self.schema.row_label, "percent"), tuple(rows))


def _operators(pipeline: Any) -> set[str]:
    """Return the names of the operators of a pipeline, none of what is no pipeline."""
    try:
        listed = tomllib.loads(str(pipeline or "")).get("operators", [])
    except tomllib.TOMLDecodeError:
        return set()  # several pipelines on one page: their findings tell
    return {str(one.get("name")) for one in listed if isinstance(one, dict)}


def _rolling(share: Floats, rows: Floats) -> Floats:
    """Return the share of the last buckets together, each counted by its rows."""
    share, n = np.where(rows > 0, share, 0.0), len(rows)
    start, stop = np.maximum(np.arange(n) + 1 - _MEMORY, 0), np.arange(n) + 1
    strange, all_ = (np.concatenate([[0.0], np.cumsum(part)]) for part in (share * rows, rows))
    held = all_[stop] - all_[start]
    held[np.cumsum(rows > 0) < _FEWEST] = 0.0
    found = np.maximum(strange[stop] - strange[start], 0.0)
    return np.asarray(np.divide(found, held, out=np.full(n, np.nan), where=held > 0))
