"""Base class of the windows: rows fall into panes, and consecutive panes form a window."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Channel, Event, Operator, Schema
from streamlyt.core.errors import DataError, ParameterError, series_prefix, unknown_name_error
from streamlyt.transforms._kernels.aggregates import absorb

from .aggregates import STATISTICS, Aggregates
from .row_index import input_row, record_rows

__all__ = ["Window"]

Ints = NDArray[np.int64]

_MAX_RECORDED = 256  # windows with an exact input row


class Window(Operator):
    """Numbered panes of rows; :meth:`_span` consecutive panes form a window.

    Attributes
    ----------
    state
        ``pane``, ``last_row`` and ``last_time``, shape (g,), of the panes that later windows
        need, their aggregates, and ``front``: the first open pane.
    """

    def __init__(self, statistics: Sequence[str]) -> None:
        self.statistics = statistics
        if isinstance(statistics, str) or not statistics:
            raise ParameterError(f"statistics must be a list of names, got {statistics!r}")
        for name in statistics:
            if name not in STATISTICS:
                raise unknown_name_error("statistic of a window", name, list(STATISTICS))
        if len(set(statistics)) < len(statistics):
            raise ParameterError(f"statistics must be distinct, got {statistics!r}")
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Add rows; return one row per completed window."""
        if batch.n_rows:
            self._absorb(batch)
        return self._emit(batch, last=False), []

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Add the last rows; return one row per completed or open window."""
        if batch.n_rows:
            self._absorb(batch)
        return self._emit(batch, last=True), []

    def input_index(self, index: int) -> int:
        """Return the last input row of window ``index``."""
        return input_row(index, self.state)

    @abstractmethod
    def _panes(self, batch: Batch, row: int) -> Ints:
        """Return the pane number of each row, never decreasing; ``row`` is the first row."""

    @abstractmethod
    def _front(self, batch: Batch, panes: Ints, row: int) -> int:
        """Return the first pane that may still receive rows from ``row`` on."""

    def _span(self, schema: Schema) -> int:
        """Return the number of panes of a window."""
        return 1

    def _times(self, ends: Ints, last: Ints, schema: Schema) -> Ints:
        """Return the time of each window from its last pane and its last row time."""
        return last

    def _requires_all_panes(self) -> bool:
        """Return whether only complete windows are emitted."""
        return False

    def _absorb(self, batch: Batch) -> None:
        n_channels = batch.schema.n_channels
        if "pane" in self.state:
            known, last = self.state["counts"].shape[1], int(self.state["latest"][0])
            if known != n_channels:
                raise DataError(
                    f"{series_prefix(batch.key)}expected {known} channels, got {n_channels}; use a "
                    f"new series key for a different schema"
                )
            if batch.times[0] < last:
                raise DataError(
                    f"{series_prefix(batch.key)}times must never decrease, got {batch.times[0]} "
                    f"after {last} {batch.schema.time_unit}; add the reorder operator before the "
                    f"windows"
                )
            aggregates, pane = self._aggregates(), self.state["pane"]
            last_row, last_time = self.state["last_row"], self.state["last_time"]
            row = int(self.state["row"][0])
        else:
            aggregates, row = Aggregates.none(0, n_channels), 0
            pane = last_row = last_time = np.zeros(0, np.int64)
        row_panes = self._panes(batch, row)
        starts = np.append(True, row_panes[1:] != row_panes[:-1])
        numbers = row_panes[starts]
        new = numbers[1:] if len(pane) and pane[-1] == numbers[0] else numbers
        aggregates = aggregates.concatenate(Aggregates.none(len(new), n_channels))
        pane = np.concatenate([pane, new])
        group = np.cumsum(starts) - 1 + len(pane) - len(numbers)
        absorb(group, batch.values, **aggregates.arrays())
        ends = np.append(np.flatnonzero(starts)[1:], batch.n_rows) - 1
        n_known = len(pane) - len(numbers)
        self.state.update(
            aggregates.arrays(),
            pane=pane,
            last_row=np.concatenate([last_row[:n_known], row + ends]),
            last_time=np.concatenate([last_time[:n_known], batch.times[ends]]),
            latest=batch.times[-1:].copy(),
            row=np.array([row + batch.n_rows]),
            front=np.array([self._front(batch, row_panes, row + batch.n_rows)]),
        )

    def _emit(self, batch: Batch, last: bool) -> Batch:
        schema = self._schema(batch.schema)
        if "pane" not in self.state or not (batch.n_rows or last):
            return Batch(batch.key, np.zeros(0, np.int64), np.zeros((0, schema.n_channels)), schema)
        span, pane = self._span(batch.schema), self.state["pane"]
        done = int(self.state.get("done", np.array([np.iinfo(np.int64).min]))[0])
        front = int(self.state["front"][0])
        ends = np.unique(pane[:, None] + np.arange(span))
        ends = ends[(ends >= done) & ((ends < front) | (last and not self._requires_all_panes()))]
        if self._requires_all_panes():
            ends = ends[ends >= span - 1]
        aggregates = self._aggregates()
        last_row, last_time = self.state["last_row"], self.state["last_time"]
        windows = Aggregates.none(len(ends), batch.schema.n_channels)
        for back in range(span - 1, -1, -1):
            i = np.searchsorted(pane, ends - back)
            found = np.flatnonzero((i < len(pane)) & (pane[i % len(pane)] == ends - back))
            windows.merge(found, aggregates.select(i[found]))
        newest = np.searchsorted(pane, ends, side="right") - 1
        values = [windows.columns(name) for name in self.statistics]
        times = self._times(ends, last_time[newest], batch.schema)
        record_rows(last_row[newest], self.state, _MAX_RECORDED)
        self.state["done"] = np.array([max(front, int(ends[-1]) + 1 if len(ends) else front)])
        needed = pane > front - span
        for name in (*aggregates.arrays(), "pane", "last_row", "last_time"):
            self.state[name] = self.state[name][needed].copy()
        return Batch(
            batch.key, times, np.stack(values, 2).reshape(len(ends), schema.n_channels), schema
        )

    def _aggregates(self) -> Aggregates:
        return Aggregates(**{name: self.state[name] for name in Aggregates.none(0, 0).arrays()})

    def _schema(self, schema: Schema) -> Schema:
        return schema.with_channels(
            [
                Channel(f"{c.name}_{name}", "" if name == "count" else c.unit, c.group)
                for c in schema.channels
                for name in self.statistics
            ]
        )
