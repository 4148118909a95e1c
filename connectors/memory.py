"""In-memory source of an array, and a sink that stores everything in memory."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from streamlyt.core import (
    Array,
    Batch,
    Event,
    Floats,
    Position,
    Schema,
    Sink,
    Source,
    split_unordered,
)
from streamlyt.core.errors import DataError, ParameterError, SourceError

__all__ = ["MemorySink", "MemorySource"]


class MemorySource(Source):
    """Rows of an array, as one series.

    Parameters
    ----------
    values
        Shape (n, d), or (n,) for one channel.
    times
        Shape (n,), integers that never decrease, unless ``out_of_order`` allows it. None: row
        numbers.
    schema
        Schema of the columns. None: ``x0``, ``x1``, ...
    key
        Name of the series.
    batch_size
        Maximum rows per batch.
    out_of_order
        ``"raise"``: raise if time decreases; ``"allow"``: keep the order, with a new batch where
        time decreases. :class:`~streamlyt.transforms.Reorder` sorts the rows.

    Raises
    ------
    ParameterError
        If ``batch_size`` is not positive, or ``out_of_order`` is unknown.
    DataError
        If values, times and schema do not match.

    Examples
    --------
    >>> source = MemorySource([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], batch_size=2)
    >>> [(batch.values.tolist(), position) for batch, position in source.read()]
    [([[1.0, 2.0], [3.0, 4.0]], {'row': 2}), ([[5.0, 6.0]], {'row': 3})]
    """

    def __init__(
        self,
        values: Any,
        times: Any = None,
        schema: Schema | None = None,
        key: str = "",
        batch_size: int = 4096,
        out_of_order: Literal["raise", "allow"] = "raise",
    ) -> None:
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size!r}")
        self.values, self.times = values, times
        self.key = key
        self.batch_size = batch_size
        if out_of_order not in ("raise", "allow"):
            raise ParameterError(f"out_of_order must be 'raise' or 'allow', got {out_of_order!r}")
        self.out_of_order = out_of_order
        rows = np.asarray(values, dtype=np.float64)
        if rows.ndim not in (1, 2):
            raise DataError(f"values must have shape (n, d) or (n,), got {rows.shape!r}")
        rows = rows[:, None] if rows.ndim == 1 else rows
        schema = schema or Schema.of(*(f"x{i}" for i in range(rows.shape[1])))
        clock = np.arange(len(rows)) if times is None else np.array(times, dtype=np.int64)
        self._all = Batch(key, np.sort(clock) if out_of_order == "allow" else clock, rows, schema)
        self._times = clock
        self.n_rows: int = self._all.n_rows

    @property
    def schema(self) -> Schema:
        """Schema of the columns."""
        return self._all.schema

    def position_of_row(self, number: int) -> Position:
        """Return the position before a row."""
        if number > self.n_rows:
            raise SourceError(f"row must be at most {self.n_rows}, got {number!r}")
        return {"row": number}

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
        """Yield batches; a position is ``{"row": next row}``."""
        for first in range(int(start["row"]) if start else 0, self._all.n_rows, self.batch_size):
            row = first
            stop = min(first + self.batch_size, self._all.n_rows)
            times, values = self._times[row:stop], self._all.values[row:stop]
            for batch in split_unordered(self.key, times, values, self.schema):
                row += batch.n_rows
                yield batch, {"row": row}


class MemorySink(Sink):
    """Sink that stores everything in memory, for tests and notebooks.

    Attributes
    ----------
    batches, events
        Written batches and events, in order.
    late_batches
        Late rows.
    flushes
        Number of calls of ``flush``.

    Examples
    --------
    >>> sink = MemorySink()
    >>> for batch, _ in MemorySource([1.0, 2.0, 3.0], batch_size=2).read():
    ...     sink.write_rows(batch)
    >>> sink.values(), sink.times()
    (array([[1.],
           [2.],
           [3.]]), array([0, 1, 2]))
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.events: list[Event] = []
        self.late_batches: list[Batch] = []
        self.flushes = 0

    def write_rows(self, batch: Batch) -> None:
        """Store a batch."""
        self.batches.append(batch)

    def write_event(self, event: Event) -> None:
        """Store an event."""
        self.events.append(event)

    def write_late_rows(self, batch: Batch) -> None:
        """Store late rows."""
        self.late_batches.append(batch)

    def flush(self) -> None:
        """Count the call."""
        self.flushes += 1

    def keys(self) -> list[str]:
        """Return the series keys, in the order of their first rows."""
        return list(dict.fromkeys(batch.key for batch in self.batches))

    def values(self, key: str | None = None) -> Floats:
        """Return all rows of a series, shape (n, d); without a key of the only series.

        Raises
        ------
        ParameterError
            If there is no such series, or several and ``key`` is None.
        """
        return np.concatenate([batch.values for batch in self._of(key)])

    def times(self, key: str | None = None) -> Array:
        """Return the times of a series; see :meth:`values`."""
        return np.concatenate([batch.times for batch in self._of(key)])

    def _of(self, key: str | None) -> list[Batch]:
        keys = self.keys()
        if key is None and len(keys) == 1:
            key = keys[0]
        if key not in keys:
            raise ParameterError(f"key must be one of {keys!r}, got {key!r}")
        return [batch for batch in self.batches if batch.key == key]
