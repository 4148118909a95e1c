"""Windows of a fixed number of rows."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError

from ._windows.base import Ints, Window

__all__ = ["CountWindow"]


class CountWindow(Window):
    """One row for each window of so many rows; a window begins every ``slide`` rows.

    The row of a window has the time of its last row and comes with it. Rows that do not fill a
    window when a source ends give none.

    Parameters
    ----------
    size
        Rows of a window.
    slide
        Rows from the beginning of a window to that of the next; ``size`` is a multiple of it.
        Where None, each row is in one window.
    statistics
        As of :class:`~streamlyt.transforms.SlidingWindow`.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.
    DataError
        If time goes back: :class:`~streamlyt.transforms.Reorder` puts rows in order.

    Examples
    --------
    >>> batch = Batch("", range(5), [[0.0], [1], [2], [3], [4]], Schema.of("x"))
    >>> out, _ = CountWindow(2, statistics=["sum"]).update(batch)
    >>> out.times.tolist(), out.values.ravel().tolist()
    ([1, 3], [1.0, 5.0])
    """

    def __init__(
        self, size: int = 10, slide: int | None = None, statistics: Sequence[str] = ("mean",)
    ) -> None:
        super().__init__(statistics)
        if size < 1 or (slide is not None and (slide < 1 or size % slide)):
            raise ParameterError(
                f"size must be at least 1 and a multiple of slide, got {size!r} and {slide!r}"
            )
        self.size = size
        self.slide = slide

    def _span(self, schema: Schema) -> int:
        return 1 if self.slide is None else self.size // self.slide

    def _panes(self, batch: Batch, row: int) -> Ints:
        return np.asarray((row + np.arange(batch.n_rows)) // (self.slide or self.size))

    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        return row // (self.slide or self.size)

    def _whole(self) -> bool:
        return True
