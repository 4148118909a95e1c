"""Windows of a fixed number of rows."""

from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError

from ._windows.base import Ints, Window

__all__ = ["CountWindow"]


class CountWindow(Window):
    """One output row per window of ``size`` rows; a window starts every ``slide`` rows.

    The output row has the time of the last row of the window. Incomplete windows at the end of
    the source are dropped.

    Parameters
    ----------
    size
        Rows per window.
    slide
        Rows between the starts of two windows; ``size`` must be a multiple. None: ``size``.
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

    def _requires_all_panes(self) -> bool:
        return True
