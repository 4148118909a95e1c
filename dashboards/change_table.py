"""The table of changes: when each began, how long until the alarm, and what moved."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Event

from ._data.downsampling import Run
from ._panel import OFF_LINE, Panel, Table

if TYPE_CHECKING:
    from bokeh.models import Range

__all__ = ["Changes"]

_NAMED = 4  # channels told of a change
_MOST_ROWS = 200  # events; a longer list is read from the run file, not from a page


class Changes(Panel):
    """The changes that were found, in order of time.

    Parameters
    ----------
    run
        What is looked at: a run file, or anything with its reading methods.
    key
        The series.
    points
        Rows of the table at most.
    newest
        Whether the newest changes stand first, and the oldest are left out where there are more.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> Changes(example_run(), "a").table().rows
    (('1', 'row 250', '250', '255', '6', '4', 'x 90%, y 10%'),)
    """

    title = "Changes"
    description = "One row a change: when it began, when the alarm came, and what moved most."

    def __init__(
        self, run: Run, key: str, points: int = _MOST_ROWS, *, newest: bool = False
    ) -> None:
        super().__init__(run, key, points)
        self.newest = newest

    def _listed(self) -> list[tuple[int, Event]]:
        """Return the changes of the table, each with its number."""
        listed = list(enumerate(self.events, start=1))
        return listed[: -self.points - 1 : -1] if self.newest else listed[: self.points]

    def data(self) -> dict[str, Array]:
        """Return the fields of the findings by name, and ``delay``: rows from change to alarm."""
        found = self.events
        whole = ("change_index", "change_time", "alarm_index", "alarm_time")
        drawn: dict[str, Array] = {
            name: np.array([getattr(e, name) for e in found], dtype=np.int64) for name in whole
        }
        for name in ("statistic", "threshold"):
            drawn[name] = np.array([getattr(e, name) for e in found], dtype=np.float64)
        drawn["delay"] = drawn["alarm_index"] - drawn["change_index"]
        drawn["detector"] = np.array([e.detector for e in found], dtype=object)
        return drawn

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the table as a Bokeh model."""
        from bokeh.models.widgets import Div

        return Div(text=self.html())

    def table(self) -> Table:
        """Return the table in words."""
        rows = tuple(
            (
                f"{i:,}",
                self.axis.text(e.change_time, e.change_index),
                _number(e.change_index),
                "off line" if e.detector in OFF_LINE else _number(e.alarm_index),
                f"{e.statistic:,.4g}",
                f"{e.threshold:,.4g}",
                ", ".join(f"{name} {share:.0%}" for name, share in _named(e)),
            )
            for i, e in self._listed()
        )
        row = self.schema.row_label
        headings = ("", "began", row, f"alarm at {row}", "statistic", "threshold", "moved most")
        return Table("Changes in order of time", headings, rows)

    def html(self) -> str:
        """Return the table for the page, everything from the data escaped."""
        if not self.events:
            learns = self.in_warmup and not self.run.meta.get("complete")
            told = "None yet: the detector still learns." if learns else "No change found."
            told = told if self.detected else "No detector watches these rows."
            return f'<p class="none">{told}</p>'
        body = "".join(self._row(i, event) for i, event in self._listed())
        hidden = len(self.events) - self.points
        more = f"<p class='more'>{hidden:,} more are in the run file.</p>" if hidden > 0 else ""
        return (
            '<table class="changes"><caption class="unseen">Changes in order of time</caption>'
            '<thead><tr><th scope="col"><span class="unseen">Number</span></th>'
            '<th scope="col">Began</th><th scope="col">Alarm</th>'
            '<th scope="col">Moved most</th></tr></thead>'
            f"<tbody>{body}</tbody></table>{more}"
        )

    def _row(self, number: int, event: Event) -> str:
        axis = self.axis
        began = axis.text(event.change_time, event.change_index)
        began = escape(began).replace(" ", "<br>") if axis.kind == "date" else escape(began)
        where = "" if axis.kind == "row" else axis.row_text(event.change_index)
        if event.detector in OFF_LINE:
            alarm, told = "off line", "two-sample test of the whole run"
        else:
            late = event.alarm_index - event.change_index
            alarm = f"{late:+,} {self.schema.row_label}{'' if abs(late) == 1 else 's'}"
            told = f"{event.statistic:,.3g} over {event.threshold:,.3g}"
        moved = "".join(
            f'<li><span class="name">{escape(name)}</span>'
            f'<span class="share">{share:.0%}</span>'
            f'<span class="bar" style="--share:{min(max(share, 0.0), 1.0):.3f}"></span></li>'
            for name, share in _named(event)
        )
        return (
            f'<tr><th scope="row"><span class="number">{number}</span></th>'
            f"<td><b>{began}</b><small>{escape(where)}</small></td>"
            f"<td><b>{escape(alarm)}</b><small>{escape(told)}</small></td>"
            f'<td><ul class="shares">{moved}</ul></td></tr>'
        )


def _named(event: Event) -> Sequence[tuple[str, float]]:
    return list(zip(event.channels, event.contributions, strict=False))[:_NAMED]


def _number(row: int) -> str:
    return f"{row:,}"
