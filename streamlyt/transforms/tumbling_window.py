"""Consecutive windows of fixed duration."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema
from streamlyt.core.times import check_duration, parse_duration

from ._windows.base import Ints, Window

__all__ = ["TumblingWindow"]


class TumblingWindow(Window):
    """One output row per window of duration ``size``; each row is in one window.

    Windows end at multiples of ``size`` since time 0, exclusive. The output row has the time of
    the window end and is emitted with the first row at or after it. Windows without rows give no
    output.

    Parameters
    ----------
    size
        A number in the unit of the times, or text (``"10s"``).
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
    >>> batch = Batch("", [0, 1, 10, 31], [[1.0], [3.0], [5.0], [7.0]], Schema.of("x"))
    >>> out, _ = TumblingWindow(10, ["mean", "count"]).update(batch)
    >>> out.times.tolist(), out.values.tolist(), out.schema.channel_names
    ([10, 20], [[2.0, 2.0], [5.0, 1.0]], ('x_mean', 'x_count'))
    """

    def __init__(self, size: int | str = 10, statistics: Sequence[str] = ("mean",)) -> None:
        super().__init__(statistics)
        check_duration("size", size, 1)
        self.size = size

    def _panes(self, batch: Batch, row: int) -> Ints:
        return np.asarray(batch.times // parse_duration("size", self.size, batch.schema.time_unit))

    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        return int(panes[-1])

    def _times(self, ends: Ints, last: Ints, schema: Schema) -> Ints:
        return np.asarray((ends + 1) * parse_duration("size", self.size, schema.time_unit))
