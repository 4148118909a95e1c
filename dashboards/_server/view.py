"""What a page looks at: which series, and which of its rows."""

import json
import math
from dataclasses import dataclass
from typing import Any

from streamlyt.core.errors import ParameterError
from streamlyt.dashboards._data.downsampling import Run
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .run_feed import row_at

__all__ = ["View", "rows_of"]

LAST = 5000  # rows followed by default
_WIDTHS = (400, 700, 1000, 1400, 2000)  # buckets a line: pages of about one width share a frame
_LONGEST_MESSAGE = 4096


@dataclass(frozen=True)
class View:
    """What a page looks at.

    Parameters
    ----------
    key
        The series.
    last
        How many of its newest rows are followed; None for all.
    left, right
        A stretch of the time axis to look at in place of the newest rows.
    width
        Columns of pixels that there are for it.
    tables
        Whether a table of numbers is open.
    find
        Letters in the names of the series that are listed.
    """

    key: str = ""
    last: int | None = LAST
    left: float | None = None
    right: float | None = None
    width: int = 1000
    tables: bool = False
    find: str = ""

    @classmethod
    def from_message(cls, key: str, message: str | bytes) -> "View":
        """Read what a page asked for; the series is not for it to choose.

        Raises
        ------
        ParameterError
            If it is no view.
        """
        if len(message) > _LONGEST_MESSAGE:
            raise ParameterError(f"a view must have at most {_LONGEST_MESSAGE} letters")
        try:
            asked: dict[str, Any] = json.loads(message)
            last, ends = asked.get("last", LAST), [asked.get("left"), asked.get("right")]
            left, right = (None if end is None else float(end) for end in ends)
            width = next((w for w in _WIDTHS if w >= int(asked.get("width", 1000))), _WIDTHS[-1])
            view = cls(
                key,
                None if last is None else int(last),
                left,
                right,
                width,
                bool(asked.get("tables")),
                str(asked.get("find", "")),
            )
        except (ValueError, TypeError, AttributeError, OverflowError) as problem:
            raise ParameterError(f"a view must be an object of JSON, got {message!r}") from problem
        known = [place for place in (left, right) if place is not None]
        if len(known) == 1 or not all(map(math.isfinite, known)) or known != sorted(known):
            raise ParameterError(f"left and right must be two places in order, got {ends!r}")
        if view.last is not None and view.last < 1:
            raise ParameterError(f"last must be at least 1 or null, got {view.last!r}")
        return view

    @property
    def follows(self) -> bool:
        """Whether it moves on with the run."""
        return self.left is None


def rows_of(run: Run, view: View, axis: TimeAxis) -> tuple[int, int]:
    """Return the rows that a view shows, and one more at each end of a stretch."""
    n = run.n_rows(view.key)
    if view.left is None or view.right is None:
        begin = run.first_retained_row(view.key)
        return (begin if view.last is None else max(begin, n - view.last)), n
    schema = run.schema(view.key)
    ends = []
    for place in (view.left, view.right):
        if axis.kind == "row":
            count = math.floor((place * axis.factor - schema.first_row) / schema.row_step) + 1
        else:
            count = row_at(run, view.key, n, round(place * axis.factor))  # times are whole
        ends.append(min(max(count, 0), n))
    start, stop = max(ends[0] - 1, 0), min(ends[1] + 1, n)
    return (start, stop) if stop > start else (max(0, n - 1), n)
