"""Session windows: rows that are close in time."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch
from streamlyt.core.times import check_duration, parse_duration

from ._windows.base import Ints, Window

__all__ = ["SessionWindow"]


class SessionWindow(Window):
    """One output row per session: rows with at most ``gap`` between consecutive times.

    The output row has the time of the last row of the session, and is emitted with the first row
    of the next session.

    Parameters
    ----------
    gap
        Longest time between two rows of one session: a number in the unit of the times, or text
        (``"30s"``).
    statistics
        See :class:`~streamlyt.transforms.SlidingWindow`.

    Raises
    ------
    ParameterError
        If a parameter is invalid.
    DataError
        If time decreases; add :class:`~streamlyt.transforms.Reorder` first.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> batch = Batch("", [0, 1, 2, 9, 10, 30], [[1.0]] * 6, Schema.of("x"))
    >>> out, _ = SessionWindow(gap=3, statistics=["count"]).update(batch)
    >>> out.times.tolist(), out.values.ravel().tolist()
    ([2, 10], [3.0, 2.0])
    """

    def __init__(self, gap: int | str = 10, statistics: Sequence[str] = ("mean",)) -> None:
        super().__init__(statistics)
        check_duration("gap", gap, 0)
        self.gap = gap

    def _panes(self, batch: Batch, row: int) -> Ints:
        gap = parse_duration("gap", self.gap, batch.schema.time_unit)
        first = "front" not in self.state
        before = batch.times[:1] if first else self.state["latest"]
        starts = np.diff(batch.times, prepend=before) > gap
        return np.asarray((0 if first else self.state["front"][0]) + np.cumsum(starts))

    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        return int(panes[-1])
