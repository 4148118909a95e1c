"""Overlapping windows of fixed duration."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.core.times import check_duration, parse_duration

from ._windows.base import Ints, Window

__all__ = ["SlidingWindow"]


class SlidingWindow(Window):
    """One output row per window of duration ``size``; a window starts every ``slide``.

    Windows end at multiples of ``slide`` since time 0, exclusive. The output row has the time of
    the window end and is emitted with the first row at or after it. Windows without rows give no
    output; the first windows start before the first row.

    Parameters
    ----------
    size, slide
        A number in the unit of the times, or text (``"1min"``); ``size`` must be
        a multiple of ``slide``. Memory grows with ``width / slide``, not with the rows.
    statistics
        Per channel, in this order: ``"count"``, ``"sum"``, ``"mean"``, ``"std"`` (of the
        sample), ``"min"``, ``"max"``. Channel ``x`` becomes ``x_mean`` and so on. Missing
        values (NaN, infinite) are skipped.

    Raises
    ------
    ParameterError
        If a parameter is invalid.
    DataError
        If time decreases; add :class:`~streamlyt.transforms.Reorder` first.

    Examples
    --------
    >>> batch = Batch("", range(6), [[0.0], [1], [2], [3], [4], [5]], Schema.of("x"))
    >>> out, _ = SlidingWindow(4, 2, ["mean", "max"]).update(batch)
    >>> out.times.tolist(), out.values.tolist()
    ([2, 4], [[0.5, 1.0], [1.5, 3.0]])
    """

    def __init__(
        self,
        size: int | str = 10,
        slide: int | str = 1,
        statistics: Sequence[str] = ("mean",),
    ) -> None:
        super().__init__(statistics)
        check_duration("size", size, 1)
        check_duration("slide", slide, 1)
        self.size = size
        self.slide = slide

    def _span(self, schema: Schema) -> int:
        width = parse_duration("size", self.size, schema.time_unit)
        slide = parse_duration("slide", self.slide, schema.time_unit)
        if width % slide:
            raise ParameterError(
                f"size must be a multiple of slide, got {self.size!r} and {self.slide!r}"
            )
        return width // slide

    def _panes(self, batch: Batch, row: int) -> Ints:
        self._span(batch.schema)  # raises before any row is added
        pane = parse_duration("slide", self.slide, batch.schema.time_unit)
        return np.asarray(batch.times // pane)

    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        return int(panes[-1])

    def _times(self, ends: Ints, last: Ints, schema: Schema) -> Ints:
        return np.asarray((ends + 1) * parse_duration("slide", self.slide, schema.time_unit))
