"""Prediction error of an online model: rolling RMSE of model and persistence, and residuals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array

from ._data.rolling_error import rolling_error
from ._panel import Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Models"]

PREDICTION = "prediction"  # the last channel of a learner's rows
_MEMORY = 40  # buckets in a rolling score
_TABLE_ROWS = 20


class Models(Panel):
    """Rows of a learner: each target is predicted before it is learned.

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
    The score is the root mean square over the last 40 buckets of the bucket's mean residual.
    Persistence predicts each bucket by the one before. The target is the channel before the
    prediction, the default of learners.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_learning
    >>> seen = Models(example_learning(), "a").data()
    >>> seen["residual"][:3].tolist(), float(seen["score"][-1]), float(seen["persistence"][-1])
    ([-0.5, 0.5, -0.5], 0.5, 2.0)
    """

    title = "Prediction error"
    description = (
        "Top: rolling root mean square error of the model and of persistence. Bottom: residuals."
    )
    order = 16
    alt_text = "Chart over time. A data table of the scores follows."

    def is_applicable(self) -> bool:
        """Whether the rows have a prediction."""
        return PREDICTION in self.schema.channel_names[1:]

    @property
    def target(self) -> str:
        """Name of the channel that is predicted."""
        names = self.schema.channel_names
        return names[names.index(PREDICTION) - 1]

    def data(self) -> dict[str, Array]:
        """Return x, row, score, persistence and residual by bucket."""
        buckets = self.buckets([self.target, PREDICTION], self.points)
        x, row = self.to_axis(buckets.rows, buckets.times)
        truth, prediction = buckets.mean[:, 0], buckets.mean[:, 1]
        persistence = np.concatenate([[np.nan], truth[:-1]])[: len(truth)]
        return {
            "x": x,
            "row": row,
            "score": rolling_error(truth - prediction, _MEMORY),
            "persistence": rolling_error(truth - persistence, _MEMORY),
            "residual": truth - prediction,
        }

    def legend(self, data: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key statistic", "model"), ("key threshold", "persistence"))

    def data_sources(self, data: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, and the changes."""
        return {"curve": data, "changes": self.change_spans()}

    def figure_names(self) -> Sequence[str]:
        """Return the headings of the figures."""
        return ("Rolling error", f"Residuals of {self.target}")

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return the Bokeh figures of scores and residuals."""
        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # importing Bokeh takes about one second; data() does not need it
        )
        from ._plotting.bokeh_import import BasicTicker, DataRange1d

        sources = self.bokeh_sources(self.data())
        curve = sources["curve"]
        scale: dict[str, Any] = {"y_range": DataRange1d(start=0.0)}
        above = draw.time_figure(self.axis, 180, x_range, **scale)
        below = draw.time_figure(self.axis, 140, x_range or above.x_range)
        other = above.line(
            "x", "persistence", source=curve, line_width=1.4, line_dash=[7, 4], line_join="round"
        )
        own = above.line("x", "score", source=curve, line_width=1.8, line_join="round")
        rest = below.line("x", "residual", source=curve, line_width=1.1)
        for line, part in ((other, "threshold"), (own, "statistic"), (rest, "series-2")):
            draw.set_colors(line.glyph, line_color=part)
        tooltips = {"model": "@score{0,0.[000]}", "persistence": "@persistence{0,0.[000]}"}
        mark.hover(above, self.axis, [own], tooltips)
        mark.hover(below, self.axis, [rest], {"residual": "@residual{0,0.[000]}"})
        for plot in (above, below):
            plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
            mark.add_changes(plot, sources["changes"])
        above.xaxis.visible = False
        return dict(zip(self.figure_names(), (above, below), strict=True))

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures in one column."""
        from ._plotting.bokeh_import import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return both scores at selected rows."""
        data = self.data()
        shown = np.unique(np.linspace(0, len(data["row"]) - 1, _TABLE_ROWS).astype(int))
        rows = [
            (f"{int(data['row'][k]):,}", _format(data["score"][k]), _format(data["persistence"][k]))
            for k in shown
        ]
        return Table("Rolling root mean square error", ("row", "model", "persistence"), tuple(rows))


def _format(value: float) -> str:
    return f"{value:,.3g}" if np.isfinite(value) else "–"
