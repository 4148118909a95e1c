"""View of a page: series and range of rows."""

import json
import math
from dataclasses import dataclass
from typing import Any

from streamlyt.core.errors import ParameterError
from streamlyt.dashboards._data.downsampling import ReadableRun
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .run_feed import row_at

__all__ = ["View", "visible_rows"]

LAST = 5000  # newest rows, default
_WIDTHS = (400, 700, 1000, 1400, 2000)  # buckets per line: pages of similar width share a frame
_MAX_MESSAGE = 4096


@dataclass(frozen=True)
class View:
    """View of a page.

    Parameters
    ----------
    key
        Key of the series.
    last
        Number of newest rows to follow; None for all.
    left, right
        Range of the time axis, instead of the newest rows.
    width
        Width in pixels.
    tables
        Whether a data table is open.
    find
        Text that the keys of the listed series contain.
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
        """Parse the request of a page; it cannot choose the series.

        Raises
        ------
        ParameterError
            If the message is not a valid view.
        """
        if len(message) > _MAX_MESSAGE:
            raise ParameterError(
                f"view must have at most {_MAX_MESSAGE} characters, got {len(message)}"
            )
        try:
            fields: dict[str, Any] = json.loads(message)
            last, ends = fields.get("last", LAST), [fields.get("left"), fields.get("right")]
            left, right = (None if end is None else float(end) for end in ends)
            width = next((w for w in _WIDTHS if w >= int(fields.get("width", 1000))), _WIDTHS[-1])
            view = cls(
                key,
                None if last is None else int(last),
                left,
                right,
                width,
                bool(fields.get("tables")),
                str(fields.get("find", "")),
            )
        except (ValueError, TypeError, AttributeError, OverflowError) as problem:
            raise ParameterError(f"view must be a JSON object, got {message!r}") from problem
        limits = [limit for limit in (left, right) if limit is not None]
        if len(limits) == 1 or not all(map(math.isfinite, limits)) or limits != sorted(limits):
            raise ParameterError(f"left and right must be two numbers in order, got {ends!r}")
        if view.last is not None and view.last < 1:
            raise ParameterError(f"last must be at least 1 or null, got {view.last!r}")
        return view

    @property
    def follows(self) -> bool:
        """Whether it follows the newest rows."""
        return self.left is None


def visible_rows(run: ReadableRun, view: View, axis: TimeAxis) -> tuple[int, int]:
    """Return the rows of a view, and one more at each end of a range."""
    n = run.n_rows(view.key)
    if view.left is None or view.right is None:
        first = run.first_retained_row(view.key)
        return (first if view.last is None else max(first, n - view.last)), n
    schema = run.schema(view.key)
    ends = []
    for limit in (view.left, view.right):
        if axis.kind == "row":
            count = math.floor((limit * axis.factor - schema.first_row) / schema.row_step) + 1
        else:
            count = row_at(run, view.key, n, round(limit * axis.factor))  # times are integers
        ends.append(min(max(count, 0), n))
    start, stop = max(ends[0] - 1, 0), min(ends[1] + 1, n)
    return (start, stop) if stop > start else (max(0, n - 1), n)
