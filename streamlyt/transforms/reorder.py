"""Rows that come out of order, put back in order; those that come too late, set aside."""

from typing import Literal

import numpy as np

from streamlyt.core import Array, Batch, Event, Operator
from streamlyt.core.errors import DataError, ParameterError, series_prefix
from streamlyt.core.times import check_duration, parse_duration

from ._windows.row_index import note, origin

__all__ = ["Reorder"]

_NAMED = 1024  # rows that findings can name exactly: farther back than most changes are found


class Reorder(Operator):
    r"""Hands rows on in the order of their times, whatever order they came in.

    The *watermark* of a series is :math:`W = \max_i t_i - L` over the rows that came, with
    :math:`L` the allowed ``lateness``: no row before it is waited for. A row goes on as soon as
    its time is not after the watermark, rows of one time in the order in which they came. A row
    before the watermark is late: it is set aside (:meth:`aside`) and counted.

    The watermark moves with rows alone, never with the clock, so that the same rows give the same
    output however they are cut, and whenever they are read again. What is still held back when a
    source ends goes on then; a series that falls silent keeps its last rows until it speaks again.

    Parameters
    ----------
    lateness
        How far behind the newest row another may be: a number in the unit of the times, or text
        (``"5s"``, ``"250ms"``). 0 holds nothing back and sets aside whatever goes back in time.
    capacity
        Most rows of a series that are held back. When there are more, the oldest goes on, and the
        watermark with it: a source that sends faster than was thought costs late rows, no memory.
    late
        ``"aside"``, or ``"stop"`` to raise at the first late row.

    Raises
    ------
    ParameterError
        If a parameter cannot hold.
    DataError
        If a row is late and ``late`` is ``"stop"``.

    Notes
    -----
    ``state["late"]`` counts the late rows. Findings downstream name the rows as the source gave
    them, for the last 1,024 rows that went on; older ones by their place among all.

    Examples
    --------
    >>> from streamlyt.core import Schema
    >>> line, schema = Reorder(lateness=2), Schema.of("x")
    >>> came = [[0], [2], [1], [5], [2], [4], [9]]
    >>> out = [line.update(Batch("", t, [[float(t[0])]], schema))[0].times.tolist() for t in came]
    >>> [time for times in out for time in times], line.state["late"].tolist()
    ([0, 1, 2, 4, 5], [1])
    """

    def __init__(
        self,
        lateness: int | str = 0,
        capacity: int = 8192,
        late: Literal["aside", "stop"] = "aside",
    ) -> None:
        check_duration("lateness", lateness, 0)
        if capacity < 1:
            raise ParameterError(f"capacity must be at least 1, got {capacity!r}")
        if late not in ("aside", "stop"):
            raise ParameterError(f"late must be 'aside' or 'stop', got {late!r}")
        self.lateness = lateness
        self.capacity = capacity
        self.late = late
        self.state = {}
        self._aside: list[Batch] = []

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Take rows in any order; return those that nobody is waited for any more."""
        self._aside = []
        if not batch.n_rows:
            return batch, []
        # Times within a batch do not go back, so its last one is its latest.
        mark = int(batch.times[-1]) - parse_duration(
            "lateness", self.lateness, batch.schema.time_unit
        )
        return self._through(batch, mark), []

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Take the last rows, and return all that are held back."""
        self._aside = []
        if not batch.n_rows and "times" not in self.state:
            return batch, []
        return self._through(batch, np.iinfo(np.int64).max), []

    def late_rows(self) -> list[Batch]:
        """Return the rows that the last update set aside."""
        return self._aside

    def input_index(self, index: int) -> int:
        """Return which of the rows that it took is the one given on as number ``index``."""
        return origin(index, self.state)

    def _through(self, batch: Batch, mark: int) -> Batch:
        held = self._held(batch)
        late = batch.times < held["watermark"][0]
        self._set_aside(batch, late)
        taken = int(held["taken"][0])
        origins = np.arange(taken, taken + batch.n_rows)
        kept = slice(None) if not late.any() else ~late
        times = np.concatenate([held["times"], batch.times[kept]])
        values = np.concatenate([held["values"], batch.values[kept]])
        origins = np.concatenate([held["origins"], origins[kept]])
        if times.size > 1 and (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            times, values, origins = times[order], values[order], origins[order]
        mark = max(mark, int(held["watermark"][0]))
        out = int(np.searchsorted(times, mark, side="right"))
        if len(times) - out > self.capacity:
            mark = max(mark, int(times[len(times) - self.capacity - 1]))
            out = int(np.searchsorted(times, mark, side="right"))
        note(origins[:out], self.state, _NAMED)
        self.state.update(
            # Copied, so that a short rest does not hold on to a long array.
            times=times[out:].copy(),
            values=values[out:].copy(),
            origins=origins[out:].copy(),
            watermark=np.array([mark]),
            taken=held["taken"] + batch.n_rows,
            late=held["late"] + int(late.sum()),
        )
        return Batch(batch.key, times[:out], values[:out], batch.schema)

    def _held(self, batch: Batch) -> dict[str, Array]:
        width = batch.schema.n_channels
        if "times" not in self.state:
            none, zero = np.zeros(0, np.int64), np.zeros(1, np.int64)
            return {
                "times": none,
                "values": np.zeros((0, width)),
                "origins": none,
                "watermark": np.array([np.iinfo(np.int64).min]),
                "taken": zero,
                "late": zero,
            }
        if self.state["values"].shape[1] != width:
            raise DataError(
                f"{series_prefix(batch.key)}the number of channels must stay "
                f"{self.state['values'].shape[1]} as in the first rows, got {width}; start a new "
                f"series for other channels"
            )
        return self.state

    def _set_aside(self, batch: Batch, late: Array) -> None:
        if not late.any():
            return
        if self.late == "stop":
            at = int(np.argmax(late))
            raise DataError(
                f"{series_prefix(batch.key)}rows must be at most {self.lateness!r} late, got one "
                f"of time {batch.times[at]} {batch.schema.time_unit} after the watermark "
                f"{self.state['watermark'][0]}; allow more lateness, or set late rows aside"
            )
        self._aside = [Batch(batch.key, batch.times[late], batch.values[late], batch.schema)]
