"""Sort out-of-order rows by time; late rows go to a side output."""

from typing import Literal

import numpy as np

from streamlyt.core import Array, Batch, Event, Operator
from streamlyt.core.errors import DataError, ParameterError, series_prefix
from streamlyt.core.times import check_duration, parse_duration

from ._windows.row_index import input_row, record_rows

__all__ = ["Reorder"]

_MAX_RECORDED = 1024  # rows with an exact source row; most changes are more recent


class Reorder(Operator):
    r"""Sorts rows by time within a bounded out-of-orderness.

    The *watermark* of a series is :math:`W = \max_i t_i - L` over the received rows, with
    :math:`L` the maximum out-of-orderness ``max_out_of_orderness``. A row is emitted once its time
    is at or before the watermark; rows of equal time keep their order. A row before the watermark
    is late: it goes to the side output (:meth:`late_rows`) and is counted.

    The watermark advances with rows only, never with the wall clock, so that the output is
    batch-invariant and reproducible. Buffered rows are emitted at the end of the source; an idle
    series keeps its last rows until new rows arrive.

    Parameters
    ----------
    max_out_of_orderness
        Maximum out-of-orderness: a number in the unit of the times, or text (``"5s"``,
        ``"250ms"``). 0 buffers nothing: every decrease in time is late.
    max_buffered_rows
        Maximum buffered rows of a series. Beyond it the oldest row is emitted and the watermark
        advances, so that memory stays bounded at the cost of late rows.
    late
        ``"side_output"`` for the side output, or ``"raise"`` to raise at the first late row.

    Raises
    ------
    ParameterError
        If a parameter is invalid.
    DataError
        If a row is late and ``late`` is ``"raise"``.

    Notes
    -----
    ``state["late"]`` counts the late rows. Downstream events refer to source rows, exactly for
    the last 1,024 emitted rows and interpolated for older ones.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> reorder, schema = Reorder(max_out_of_orderness=2), Schema.of("x")
    >>> rows = [[0], [2], [1], [5], [2], [4], [9]]
    >>> batches = [Batch("", row, [[float(row[0])]], schema) for row in rows]
    >>> out = [reorder.update(batch)[0].times.tolist() for batch in batches]
    >>> [time for part in out for time in part], reorder.state["late"].tolist()
    ([0, 1, 2, 4, 5], [1])
    """

    def __init__(
        self,
        max_out_of_orderness: int | str = 0,
        max_buffered_rows: int = 8192,
        late: Literal["side_output", "raise"] = "side_output",
    ) -> None:
        check_duration("max_out_of_orderness", max_out_of_orderness, 0)
        if max_buffered_rows < 1:
            raise ParameterError(f"max_buffered_rows must be at least 1, got {max_buffered_rows!r}")
        if late not in ("side_output", "raise"):
            raise ParameterError(f"late must be 'side_output' or 'raise', got {late!r}")
        self.max_out_of_orderness = max_out_of_orderness
        self.max_buffered_rows = max_buffered_rows
        self.late = late
        self.state = {}
        self._late_rows: list[Batch] = []

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Buffer rows; return those at or before the watermark."""
        self._late_rows = []
        if not batch.n_rows:
            return batch, []
        # Times within a batch never decrease, so its last one is its latest.
        watermark = int(batch.times[-1]) - parse_duration(
            "lateness", self.max_out_of_orderness, batch.schema.time_unit
        )
        return self._emit(batch, watermark), []

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Add the last rows and return all buffered rows."""
        self._late_rows = []
        if not batch.n_rows and "times" not in self.state:
            return batch, []
        return self._emit(batch, np.iinfo(np.int64).max), []

    def late_rows(self) -> list[Batch]:
        """Return the late rows of the last update."""
        return self._late_rows

    def input_index(self, index: int) -> int:
        """Return the input row of the output row ``index``."""
        return input_row(index, self.state)

    def _emit(self, batch: Batch, watermark: int) -> Batch:
        buffered = self._buffered(batch)
        late = batch.times < buffered["watermark"][0]
        self._collect_late(batch, late)
        n_received = int(buffered["taken"][0])
        origins = np.arange(n_received, n_received + batch.n_rows)
        kept = slice(None) if not late.any() else ~late
        times = np.concatenate([buffered["times"], batch.times[kept]])
        values = np.concatenate([buffered["values"], batch.values[kept]])
        origins = np.concatenate([buffered["origins"], origins[kept]])
        if times.size > 1 and (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            times, values, origins = times[order], values[order], origins[order]
        watermark = max(watermark, int(buffered["watermark"][0]))
        out = int(np.searchsorted(times, watermark, side="right"))
        if len(times) - out > self.max_buffered_rows:
            watermark = max(watermark, int(times[len(times) - self.max_buffered_rows - 1]))
            out = int(np.searchsorted(times, watermark, side="right"))
        record_rows(origins[:out], self.state, _MAX_RECORDED)
        self.state.update(
            # Copied, so that a short remainder does not keep a long array alive.
            times=times[out:].copy(),
            values=values[out:].copy(),
            origins=origins[out:].copy(),
            watermark=np.array([watermark]),
            taken=buffered["taken"] + batch.n_rows,
            late=buffered["late"] + int(late.sum()),
        )
        return Batch(batch.key, times[:out], values[:out], batch.schema)

    def _buffered(self, batch: Batch) -> dict[str, Array]:
        n_channels = batch.schema.n_channels
        if "times" not in self.state:
            none, zero = np.zeros(0, np.int64), np.zeros(1, np.int64)
            return {
                "times": none,
                "values": np.zeros((0, n_channels)),
                "origins": none,
                "watermark": np.array([np.iinfo(np.int64).min]),
                "taken": zero,
                "late": zero,
            }
        if self.state["values"].shape[1] != n_channels:
            raise DataError(
                f"{series_prefix(batch.key)}expected {self.state['values'].shape[1]} channels, got "
                f"{n_channels}; use a new series key for a different schema"
            )
        return self.state

    def _collect_late(self, batch: Batch, late: Array) -> None:
        if not late.any():
            return
        if self.late == "raise":
            i = int(np.argmax(late))
            raise DataError(
                f"{series_prefix(batch.key)}time must be at or after the watermark "
                f"{self.state['watermark'][0]} (max_out_of_orderness "
                f"{self.max_out_of_orderness!r}), got {batch.times[i]} "
                f"{batch.schema.time_unit}; raise max_out_of_orderness, or use late='side_output'"
            )
        self._late_rows = [Batch(batch.key, batch.times[late], batch.values[late], batch.schema)]
