"""What all windows share: rows fall into panes, and so many panes in a row are a window."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Channel, Event, Operator, Schema
from streamlyt.core.errors import DataError, ParameterError, series_prefix, unknown_name_error
from streamlyt.transforms._kernels.aggregates import absorb

from .aggregates import STATISTICS, Aggregates
from .row_index import note, origin

__all__ = ["Window"]

Ints = NDArray[np.int64]

_NAMED = 256  # windows whose last row findings can name exactly


class Window(Operator):
    """Panes of rows, numbered in order; :meth:`_span` panes one after another are a window.

    Attributes
    ----------
    state
        ``pane``, ``last_row`` and ``last_time``, shape (g,), of the panes that a later window
        needs, their moments, and ``front``: pane and row that come next.
    """

    def __init__(self, statistics: Sequence[str]) -> None:
        self.statistics = statistics
        if isinstance(statistics, str) or not statistics:
            raise ParameterError(f"statistics must be a list of names, got {statistics!r}")
        for name in statistics:
            if name not in STATISTICS:
                raise unknown_name_error("statistic of a window", name, list(STATISTICS))
        if len(set(statistics)) < len(statistics):
            raise ParameterError(f"statistics must be named once each, got {statistics!r}")
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb rows; return a row for each window that is over."""
        if batch.n_rows:
            self._absorb(batch)
        return self._emit(batch, last=False), []

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb the last rows; return a row for each window that was still open, too."""
        if batch.n_rows:
            self._absorb(batch)
        return self._emit(batch, last=True), []

    def input_index(self, index: int) -> int:
        """Return which of the rows that it took is the last of window number ``index``."""
        return origin(index, self.state)

    @abstractmethod
    def _panes(self, batch: Batch, row: int) -> Ints:
        """Return the number of the pane of each row, never decreasing; ``row`` is the first."""

    @abstractmethod
    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        """Return the first pane that may still get rows, after those before ``row``."""

    def _span(self, schema: Schema) -> int:
        """Return how many panes make a window."""
        return 1

    def _times(self, ends: Ints, last: Ints, schema: Schema) -> Ints:
        """Return the time of each window, from the number of its last pane and its last time."""
        return last

    def _whole(self) -> bool:
        """Tell whether a window must have all its panes to count."""
        return False

    def _absorb(self, batch: Batch) -> None:
        width = batch.schema.n_channels
        if "pane" in self.state:
            known, last = self.state["counts"].shape[1], int(self.state["latest"][0])
            if known != width:
                raise DataError(
                    f"{series_prefix(batch.key)}the number of channels must stay {known} as in the "
                    f"first rows, got {width}; start a new series for other channels"
                )
            if batch.times[0] < last:
                raise DataError(
                    f"{series_prefix(batch.key)}rows must come in the order of their times, got "
                    f"{batch.times[0]} after {last} {batch.schema.time_unit}; put the operator "
                    f"'reorder' before the windows"
                )
            kept, pane = self._saved(), self.state["pane"]
            last_row, last_time = self.state["last_row"], self.state["last_time"]
            row = int(self.state["row"][0])
        else:
            kept, row = Aggregates.none(0, width), 0
            pane = last_row = last_time = np.zeros(0, np.int64)
        mine = self._panes(batch, row)
        begins = np.append(True, mine[1:] != mine[:-1])
        numbers = mine[begins]
        fresh = numbers[1:] if len(pane) and pane[-1] == numbers[0] else numbers
        moments = kept.followed_by(Aggregates.none(len(fresh), width))
        pane = np.concatenate([pane, fresh])
        group = np.cumsum(begins) - 1 + len(pane) - len(numbers)
        absorb(group, batch.values, **moments.arrays())
        ends = np.append(np.flatnonzero(begins)[1:], batch.n_rows) - 1
        already = len(pane) - len(numbers)
        self.state.update(
            moments.arrays(),
            pane=pane,
            last_row=np.concatenate([last_row[:already], row + ends]),
            last_time=np.concatenate([last_time[:already], batch.times[ends]]),
            latest=batch.times[-1:].copy(),
            row=np.array([row + batch.n_rows]),
            front=np.array([self._front(batch, mine, row + batch.n_rows)]),
        )

    def _emit(self, batch: Batch, last: bool) -> Batch:
        schema = self._schema(batch.schema)
        if "pane" not in self.state or not (batch.n_rows or last):
            return Batch(batch.key, np.zeros(0, np.int64), np.zeros((0, schema.n_channels)), schema)
        span, pane = self._span(batch.schema), self.state["pane"]
        done = int(self.state.get("done", np.array([np.iinfo(np.int64).min]))[0])
        front = int(self.state["front"][0])
        ends = np.unique(pane[:, None] + np.arange(span))
        ends = ends[(ends >= done) & ((ends < front) | (last and not self._whole()))]
        if self._whole():
            ends = ends[ends >= span - 1]
        kept, last_row, last_time = self._saved(), self.state["last_row"], self.state["last_time"]
        windows = Aggregates.none(len(ends), batch.schema.n_channels)
        for back in range(span - 1, -1, -1):
            at = np.searchsorted(pane, ends - back)
            there = np.flatnonzero((at < len(pane)) & (pane[at % len(pane)] == ends - back))
            windows.merge(there, kept.at(at[there]))
        newest = np.searchsorted(pane, ends, side="right") - 1
        values = [windows.columns(name) for name in self.statistics]
        times = self._times(ends, last_time[newest], batch.schema)
        note(last_row[newest], self.state, _NAMED)
        self.state["done"] = np.array([max(front, int(ends[-1]) + 1 if len(ends) else front)])
        needed = pane > front - span
        for name in (*kept.arrays(), "pane", "last_row", "last_time"):
            self.state[name] = self.state[name][needed].copy()
        return Batch(
            batch.key, times, np.stack(values, 2).reshape(len(ends), schema.n_channels), schema
        )

    def _saved(self) -> Aggregates:
        return Aggregates(**{name: self.state[name] for name in Aggregates.none(0, 0).arrays()})

    def _schema(self, schema: Schema) -> Schema:
        return schema.with_channels(
            [
                Channel(f"{c.name}_{name}", "" if name == "count" else c.unit, c.group)
                for c in schema.channels
                for name in self.statistics
            ]
        )
