"""How an online model does: its rolling error beside persistence, and the residuals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array

from ._data.rolling_error import rolling_error
from ._panel import Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Models"]

PREDICTION = "prediction"  # the last channel of a learner's rows
_MEMORY = 40  # buckets that a score looks back over
_TABLE_ROWS = 20


class Models(Panel):
    """Rows of a learner: each target was predicted before it was learnt.

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
    The score is the root mean square over the last 40 buckets of the bucket's mean residual.
    Persistence predicts each bucket by the one before. The target is the channel before the
    prediction, as a learner takes it where no other is named.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_learning
    >>> seen = Models(example_learning(), "a").data()
    >>> seen["residual"][:3].tolist(), float(seen["score"][-1]), float(seen["persistence"][-1])
    ([-0.5, 0.5, -0.5], 0.5, 2.0)
    """

    title = "How the model does"
    description = (
        "Above: rolling root mean square error of the model, and of saying that nothing changes "
        "(persistence). Below: the residuals."
    )
    order = 16
    alt_text = "Chart over time. The scores follow as a table."

    def is_applicable(self) -> bool:
        """Whether the rows end in a prediction."""
        return PREDICTION in self.schema.channel_names[1:]

    @property
    def target(self) -> str:
        """Name of the channel that is predicted."""
        names = self.schema.channel_names
        return names[names.index(PREDICTION) - 1]

    def data(self) -> dict[str, Array]:
        """Return x, row, score, persistence and residual by bucket."""
        seen = self.buckets([self.target, PREDICTION], self.points)
        x, row = self.to_axis(seen.rows, seen.times)
        truth, said = seen.mean[:, 0], seen.mean[:, 1]
        still = np.concatenate([[np.nan], truth[:-1]])[: len(truth)]
        return {
            "x": x,
            "row": row,
            "score": rolling_error(truth - said, _MEMORY),
            "persistence": rolling_error(truth - still, _MEMORY),
            "residual": truth - said,
        }

    def legend(self, seen: dict[str, Array]) -> Sequence[tuple[str, str]]:
        """Return the legend."""
        return (("key statistic", "model"), ("key threshold", "persistence"))

    def data_sources(self, seen: dict[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the curves, and the changes."""
        return {"curve": seen, "changes": self.change_spans()}

    def figure_names(self) -> Sequence[str]:
        """Return what is drawn."""
        return ("Rolling error", f"Residuals of {self.target}")

    def figures(self, x_range: "Range | None" = None) -> dict[str, Any]:
        """Return the Bokeh figures of scores and residuals."""
        from bokeh.models import BasicTicker, DataRange1d

        from ._plotting import annotations as mark
        from ._plotting import (
            figures as draw,  # Bokeh costs most of a second; columns() goes without
        )

        held = self.bokeh_sources(self.data())
        curve = held["curve"]
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
        told = {"model": "@score{0,0.[000]}", "persistence": "@persistence{0,0.[000]}"}
        mark.hover(above, self.axis, [own], told)
        mark.hover(below, self.axis, [rest], {"residual": "@residual{0,0.[000]}"})
        for plot in (above, below):
            plot.yaxis[0].ticker = BasicTicker(desired_num_ticks=4)
            mark.add_changes(plot, held["changes"])
        above.xaxis.visible = False
        return dict(zip(self.figure_names(), (above, below), strict=True))

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the Bokeh figures, one above the other."""
        from bokeh.layouts import column

        return column(list(self.figures(x_range).values()), sizing_mode="stretch_width")

    def table(self) -> Table:
        """Return both scores at a few rows."""
        seen = self.data()
        shown = np.unique(np.linspace(0, len(seen["row"]) - 1, _TABLE_ROWS).astype(int))
        rows = [
            (f"{int(seen['row'][k]):,}", _told(seen["score"][k]), _told(seen["persistence"][k]))
            for k in shown
        ]
        return Table("Rolling root mean square error", ("row", "model", "persistence"), tuple(rows))


def _told(value: float) -> str:
    return f"{value:,.3g}" if np.isfinite(value) else "–"
