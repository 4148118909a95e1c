"""Recorded tables: CSV, Parquet and NPY."""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.base import Array, Batch, Channel, Floats, Position, Schema, Source
from streamlyt.errors import DataError, FormatError, ParameterError

from ._tables import open_table

__all__ = ["FileSource"]


class FileSource(Source):
    r"""Rows of a recorded table, in memory that does not grow with the file.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv`` (either also ``.gz``), ``.parquet``, or ``.npy`` of shape (n,) or
        (n, d). NPY files, and CSV files without a header, have columns ``x0``, ``x1``, ...
    columns
        Names of the columns to read; where None, all numeric ones but ``time`` and ``key``. Of
        a CSV file those count that are numeric in its first megabyte.
    time
        Column of times that never decrease within a series. Timestamps (ISO 8601 in CSV; those
        without a zone are taken as UTC) become nanoseconds since 1970; so do decimal numbers,
        which are seconds; whole numbers stay as they are, in steps of whatever they count. Where
        None, times are the row numbers.
    key
        Column that names the series of each row; where None, all rows are one series ``""``.
    batch_rows
        Most rows in a batch.

    Attributes
    ----------
    n_rows
        Number of rows; None for CSV, which does not say it.

    Raises
    ------
    ParameterError
        If the ending of the file or a column is not known.
    SourceError, FormatError
        If the file is not there, or is not what its name says; while reading, if there is text
        in a numeric column.
    DataError
        While reading, if a time is missing or goes back.

    Notes
    -----
    Empty cells and NaN come as NaN: what reads them decides.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "pump.csv"
    >>> _ = path.write_text("at,heat,state\n2024-01-01T00:00,1.5,on\n2024-01-01T00:01,,on\n")
    >>> batch, position = next(FileSource(path, time="at").read())
    >>> batch.schema.names, batch.values.ravel(), int(np.diff(batch.times)[0]), position
    (('heat',), array([1.5, nan]), 60000000000, {'row': 2, 'series': 0})
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        time: str | None = None,
        key: str | None = None,
        batch_rows: int = 4096,
    ) -> None:
        if batch_rows < 1:
            raise ParameterError(f"batch_rows must be at least 1, got {batch_rows!r}")
        self.path = os.fspath(path)
        self.columns = columns if columns is None else list(columns)
        self.time = time
        self.key = key
        self.batch_rows = batch_rows
        self._table = open_table(Path(self.path))
        self.n_rows = self._table.n_rows
        kinds = self._table.kinds
        for what, names in (("columns", self.columns), ("time", time), ("key", key)):
            for name in [names] if isinstance(names, str) else names or []:
                if name not in kinds:
                    close = get_close_matches(name, kinds, n=3) or list(kinds)[:20]
                    raise ParameterError(
                        f"{what} must name columns of {self.path}, got {name!r}; near it {close!r}"
                    )
        chosen = self.columns
        if chosen is None:
            chosen = [n for n, kind in kinds.items() if n not in (time, key) and _numeric(kind)]
        if not chosen:
            raise FormatError(f"{self.path} must have a numeric column, got {list(kinds)!r}")
        self._kinds = {name: pa.float64() for name in chosen}
        for name in chosen:
            if not _numeric(kinds[name]) and not pa.types.is_string(kinds[name]):
                raise ParameterError(
                    f"columns must be numeric, got {name!r} of {self.path}, which is {kinds[name]}"
                )
        unit, self._clock = _clock(self.path, time, kinds)
        wanted: dict[str, Any] = dict(self._kinds)
        if time is not None:
            wanted[time] = self._clock
        if key is not None:
            wanted[key] = pa.string()
        clash = {time, key} & set(chosen)
        if clash or (time is not None and time == key):
            raise ParameterError(
                f"time, key and columns must be different columns, got {sorted(map(str, clash))!r}"
            )
        self._wanted = wanted
        self._schema = Schema(tuple(Channel(name) for name in chosen), time_unit=unit)

    @property
    def schema(self) -> Schema:
        """The columns under their own names."""
        return self._schema

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
        """Yield batches of one series each.

        A position is ``{"row": first row of a block, "series": how many of the block's series
        are done}``.
        """
        row = int(start["row"]) if start else 0
        done = int(start.get("series", 0)) if start else 0
        last: dict[str, int] = {}
        for values, times, keys in self._blocks(row):
            n = len(values)
            names = list(dict.fromkeys(keys)) if keys is not None else [""]
            for i, name in enumerate(names):
                mine = slice(None) if keys is None else np.flatnonzero(keys == name)
                if i < done:
                    continue
                own = times[mine]
                self._in_order(own, last.get(name), name, row)
                last[name] = int(own[-1])
                ended = i + 1 == len(names)
                position = {"row": row + n, "series": 0} if ended else {"row": row, "series": i + 1}
                yield Batch(name, own, values[mine], self._schema), position
            row, done = row + n, 0

    def _blocks(self, row: int) -> Iterator[tuple[Floats, Array, Array | None]]:
        """Yield blocks of exactly ``batch_rows`` rows from ``row`` on, and a shorter last one."""
        held: list[Any] = []
        count = 0
        for block in self._table.batches(self._wanted, row, self.batch_rows):
            held.append(block)
            count += block.num_rows
            while count >= self.batch_rows:
                table = pa.Table.from_batches(held)
                yield self._arrays(table.slice(0, self.batch_rows), row)
                held = table.slice(self.batch_rows).to_batches()
                count -= self.batch_rows
                row += self.batch_rows
        if count:
            yield self._arrays(pa.Table.from_batches(held), row)

    def _arrays(self, table: Any, row: int) -> tuple[Floats, Array, Array | None]:
        values = np.empty((table.num_rows, len(self._kinds)))
        for i, name in enumerate(self._kinds):
            values[:, i] = table.column(name).to_numpy()
        times = np.arange(row, row + table.num_rows)
        if self.time is not None:
            times = self._times(table.column(self.time), row)
        keys = None
        if self.key is not None:
            keys = np.array([k or "" for k in table.column(self.key).to_pylist()], dtype=object)
        return values, times, keys

    def _times(self, column: Any, row: int) -> Array:
        raw = column.to_numpy() if pa.types.is_floating(self._clock) else None
        empty = column.is_null().to_numpy() if raw is None else ~np.isfinite(raw)
        if empty.any():
            raise DataError(
                f"{self.path}: every row must have a time, got none in {self.time!r} of row "
                f"{row + int(np.argmax(empty))}; fill it in, or leave the row out"
            )
        if raw is not None:
            return np.asarray(np.rint(raw * 1e9).astype(np.int64))
        return np.asarray(column.cast(pa.int64()).to_numpy())

    def _in_order(self, times: Array, last: int | None, name: str, row: int) -> None:
        before = np.concatenate([times[:1] if last is None else [last], times[:-1]])
        back = times < before
        if back.any():
            at = int(np.argmax(back))
            raise DataError(
                f"{self.path}: times in {self.time!r} must never decrease, got {times[at]} after "
                f"{before[at]} {self._schema.time_unit} in series {name!r}, near row {row + at}; "
                f"sort the file by that column"
            )


def _numeric(kind: Any) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _clock(path: str, time: str | None, kinds: dict[str, Any]) -> tuple[str, Any]:
    """Return the unit of times and the type to read them as."""
    if time is None or pa.types.is_integer(kinds[time]):
        return "step", pa.int64()
    kind = kinds[time]
    if pa.types.is_floating(kind):
        return "ns", pa.float64()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "ns", pa.timestamp("ns", tz=getattr(kind, "tz", None))
    raise FormatError(
        f"time must be a column of numbers or ISO 8601 timestamps, got {time!r} of {path}, "
        f"which is {kind}; write it as 2024-01-31T12:00:00"
    )
