"""Windows of a fixed time that overlap."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.core.times import check_duration, parse_duration

from ._windows.base import Ints, Window

__all__ = ["SlidingWindow"]


class SlidingWindow(Window):
    """One row for each window of time of a given width; one begins every ``slide``.

    Windows end at multiples of ``slide``, counted from time 0, and hold the rows from ``width``
    before their end up to it, the end itself left out. The row of a window has the time of its end
    and comes with the first row at or after that. A window without rows gives none; the first
    ones reach back before the first row.

    Parameters
    ----------
    width, slide
        A number in the unit of the times, or text (``"1min"``); ``width`` is a multiple of
        ``slide``. Memory grows with ``width / slide``, never with the rows.
    statistics
        Of each channel, in this order: ``"count"``, ``"sum"``, ``"mean"``, ``"std"`` (of the
        sample), ``"min"``, ``"max"``. Channel ``x`` becomes ``x_mean`` and so on. Missing
        values, NaN and infinite ones, are left out.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.
    DataError
        If time goes back: :class:`~streamlyt.transforms.Reorder` puts rows in order.

    Examples
    --------
    >>> batch = Batch("", range(6), [[0.0], [1], [2], [3], [4], [5]], Schema.of("x"))
    >>> out, _ = SlidingWindow(4, 2, ["mean", "max"]).update(batch)
    >>> out.times.tolist(), out.values.tolist()
    ([2, 4], [[0.5, 1.0], [1.5, 3.0]])
    """

    def __init__(
        self,
        width: int | str = 10,
        slide: int | str = 1,
        statistics: Sequence[str] = ("mean",),
    ) -> None:
        super().__init__(statistics)
        check_duration("width", width, 1)
        check_duration("slide", slide, 1)
        self.width = width
        self.slide = slide

    def _span(self, schema: Schema) -> int:
        width = parse_duration("width", self.width, schema.time_unit)
        slide = parse_duration("slide", self.slide, schema.time_unit)
        if width % slide:
            raise ParameterError(
                f"width must be a multiple of slide, got {self.width!r} and {self.slide!r}"
            )
        return width // slide

    def _panes(self, batch: Batch, row: int) -> Ints:
        self._span(batch.schema)  # refuses before anything is absorbed
        pane = parse_duration("slide", self.slide, batch.schema.time_unit)
        return np.asarray(batch.times // pane)

    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        return int(panes[-1])

    def _times(self, ends: Ints, last: Ints, schema: Schema) -> Ints:
        return np.asarray((ends + 1) * parse_duration("slide", self.slide, schema.time_unit))
