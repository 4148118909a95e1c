"""Table of changes: estimated start, detection delay and attribution."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from streamlyt.core import Array, Event

from ._data.downsampling import ReadableRun
from ._panel import OFFLINE_DETECTORS, Panel, Table

if TYPE_CHECKING:
    from ._plotting.bokeh_import import Range

__all__ = ["Changes"]

_NAMED = 4  # channels listed per change
_MAX_ROWS = 200  # events; a longer list belongs in the run file, not on a page


class Changes(Panel):
    """Detected changes in order of time.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods.
    key
        Key of the series.
    points
        Maximum number of rows of the table.
    newest
        Whether the newest changes come first and the oldest are omitted if there are more.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> Changes(example_run(), "a").table().rows
    (('1', 'row 250', '250', '255', '6', '4', 'x 90%, y 10%'),)
    """

    title = "Changes"
    description = "One row per change: estimated start, alarm and attribution."

    def __init__(
        self, run: ReadableRun, key: str, points: int = _MAX_ROWS, *, newest: bool = False
    ) -> None:
        super().__init__(run, key, points)
        self.newest = newest

    def _listed(self) -> list[tuple[int, Event]]:
        """Return the listed changes, each with its number."""
        listed = list(enumerate(self.events, start=1))
        return listed[: -self.points - 1 : -1] if self.newest else listed[: self.points]

    def data(self) -> dict[str, Array]:
        """Return the fields of the events by name, and ``delay``: the detection delay in rows."""
        events = self.events
        integer_fields = ("change_index", "change_time", "alarm_index", "alarm_time")
        columns: dict[str, Array] = {
            name: np.array([getattr(e, name) for e in events], dtype=np.int64)
            for name in integer_fields
        }
        for name in ("statistic", "threshold"):
            columns[name] = np.array([getattr(e, name) for e in events], dtype=np.float64)
        columns["delay"] = columns["alarm_index"] - columns["change_index"]
        columns["detector"] = np.array([e.detector for e in events], dtype=object)
        return columns

    def figure(self, x_range: "Range | None" = None) -> Any:
        """Return the table as a Bokeh model."""
        from ._plotting.bokeh_import import Div

        return Div(text=self.html())

    def table(self) -> Table:
        """Return the data table."""
        rows = tuple(
            (
                f"{i:,}",
                self.axis.text(e.change_time, e.change_index),
                _number(e.change_index),
                "offline" if e.detector in OFFLINE_DETECTORS else _number(e.alarm_index),
                f"{e.statistic:,.4g}",
                f"{e.threshold:,.4g}",
                ", ".join(f"{name} {share:.0%}" for name, share in _named(e)),
            )
            for i, e in self._listed()
        )
        row = self.schema.row_label
        headings = ("", "change", row, f"alarm at {row}", "statistic", "threshold", "attribution")
        return Table("Changes in order of time", headings, rows)

    def html(self) -> str:
        """Return the table for the page, with all text from data escaped."""
        if not self.events:
            warming_up = self.in_warmup and not self.run.meta.get("complete")
            text = "None yet: detector warm-up." if warming_up else "No change detected."
            text = text if self.detected else "No detector in this pipeline."
            return f'<p class="none">{text}</p>'
        body = "".join(self._row(i, event) for i, event in self._listed())
        hidden = len(self.events) - self.points
        more = f"<p class='more'>{hidden:,} more in the run file.</p>" if hidden > 0 else ""
        return (
            '<table class="changes"><caption class="unseen">Changes in order of time</caption>'
            '<thead><tr><th scope="col"><span class="unseen">Number</span></th>'
            '<th scope="col">Change</th><th scope="col">Alarm</th>'
            '<th scope="col">Attribution</th></tr></thead>'
            f"<tbody>{body}</tbody></table>{more}"
        )

    def _row(self, number: int, event: Event) -> str:
        axis = self.axis
        change = axis.text(event.change_time, event.change_index)
        change = escape(change).replace(" ", "<br>") if axis.kind == "date" else escape(change)
        row_text = "" if axis.kind == "row" else axis.row_text(event.change_index)
        if event.detector in OFFLINE_DETECTORS:
            alarm, detail = "offline", "two-sample test of the complete run"
        else:
            delay = event.alarm_index - event.change_index
            alarm = f"{delay:+,} {self.schema.row_label}{'' if abs(delay) == 1 else 's'}"
            detail = f"{event.statistic:,.3g} over {event.threshold:,.3g}"
        contributions = "".join(
            f'<li><span class="name">{escape(name)}</span>'
            f'<span class="share">{share:.0%}</span>'
            f'<span class="bar" style="--share:{min(max(share, 0.0), 1.0):.3f}"></span></li>'
            for name, share in _named(event)
        )
        return (
            f'<tr><th scope="row"><span class="number">{number}</span></th>'
            f"<td><b>{change}</b><small>{escape(row_text)}</small></td>"
            f"<td><b>{escape(alarm)}</b><small>{escape(detail)}</small></td>"
            f'<td><ul class="shares">{contributions}</ul></td></tr>'
        )


def _named(event: Event) -> Sequence[tuple[str, float]]:
    return list(zip(event.channels, event.contributions, strict=False))[:_NAMED]


def _number(row: int) -> str:
    return f"{row:,}"
