"""File source: tables, directories of tables, and growing files."""

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from time import sleep
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from streamlyt.core import Array, Batch, Floats, Position, Schema, Source, split_unordered
from streamlyt.core.errors import DataError, FormatError, ParameterError, SourceError, series_prefix

from .columns import Columns
from .readers import open_table, table_files
from .schema_inference import InferredSchema
from .table import Table
from .tail import POLL_S, Tail, line_after
from .text_table import TextTable

__all__ = ["FileSource"]


class FileSource(Source):
    r"""Rows of a recorded table, in bounded memory.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, or one JSON object per line in ``.jsonl`` or ``.ndjson``, optionally
        compressed (``.gz``, ``.bz2``, ``.zst``, ``.lz4``); ``.parquet``; Arrow IPC in ``.arrow``
        or ``.feather``; ``.npy`` of shape (n,) or (n, d). NPY files, and CSV files without a
        header, have columns ``x0``, ``x1``, ... Or a directory of such files, which are read
        in the order of their names as one table; names that start with a dot are ignored.
    columns
        Names of the columns to read. None: all numeric columns except ``time_column``,
        ``key_column`` and non-decreasing columns with the name of a clock or an index (see
        :meth:`inferred_schema`). CSV types are inferred from the first megabyte.
    time_column
        Timestamp column; times never decrease within a series. Timestamps (ISO 8601 in CSV; UTC
        without a zone) become nanoseconds since 1970; so do decimal numbers, which are seconds;
        integers are steps. None: row numbers.
    key_column
        Column that identifies the series. None: one series with the key ``""``.
    batch_size
        Maximum rows per batch.
    out_of_order
        ``"raise"``: raise if time decreases; ``"allow"``: keep the order;
        :class:`~streamlyt.transforms.Reorder` sorts the rows.
    class_labels
        Text column -> its class labels, which are read as their index (from 0). These columns
        are read in addition to ``columns``.
    follow
        Whether to keep reading at the end. An uncompressed text file is followed as it grows,
        through truncation and rotation. In a directory new files are read; they must appear
        complete (write under another name, then rename) with names after the existing ones.

    Attributes
    ----------
    n_rows
        Number of rows; None if unknown: text files, directories and followed files.

    Raises
    ------
    ParameterError
        If the file suffix or a column is unknown.
    SourceError, FormatError
        If the file does not exist or has another format; while reading, if a numeric column
        contains text.
    DataError
        While reading, if a time is missing or decreases, or a label is not in ``class_labels``.

    Notes
    -----
    Missing values are NaN; the operators decide about them. A batch ends before the first row
    with a missing value, so that all rows before it are processed if it is rejected.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> from pathlib import Path
    >>> path = Path(folder.name) / "pump.csv"
    >>> _ = path.write_text("at,heat,state\n2024-01-01T00:00,1.5,on\n2024-01-01T00:01,,on\n")
    >>> for batch, position in FileSource(path, time_column="at").read():
    ...     print(batch.schema.channel_names, batch.values.ravel(), position)
    ('heat',) [1.5] {'row': 1, 'series': 0}
    ('heat',) [nan] {'row': 2, 'series': 0}
    >>> folder.cleanup()
    """

    reloadable_params = frozenset({"follow"})

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        time_column: str | None = None,
        key_column: str | None = None,
        batch_size: int = 4096,
        out_of_order: Literal["raise", "allow"] = "raise",
        class_labels: dict[str, list[str]] | None = None,
        follow: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size!r}")
        if out_of_order not in ("raise", "allow"):
            raise ParameterError(f"out_of_order must be 'raise' or 'allow', got {out_of_order!r}")
        self.out_of_order = out_of_order
        self.class_labels = class_labels
        self.follow = follow
        self.path = os.fspath(path)
        self.columns = columns if columns is None else list(columns)
        self.time_column = time_column
        self.key_column = key_column
        self.batch_size = batch_size
        self._parts: list[str] | None = None
        if Path(self.path).is_dir():
            self._parts = table_files(self.path)
        self._first = self._open_part(None if self._parts is None else self._parts[0])
        if follow and isinstance(self._first, TextTable) and not self._first.has_rows:
            self._check_types_known()
        self._columns = Columns(
            self.path, self._first, self.columns, time_column, key_column, class_labels
        )
        fixed = self._parts is None and not follow
        self.n_rows = self._first.n_rows if fixed else None

    @property
    def schema(self) -> Schema:
        """Schema of the columns."""
        return self._columns.schema

    def inferred_schema(self) -> InferredSchema:
        """Return the inferred roles of the columns: excluded ones, counters, possible keys."""
        return self._columns.inferred_schema()

    def category_values(self, column: str) -> list[str]:
        """Return the distinct values of a text column, in the order of their first rows.

        Reads the complete table.
        """
        values: dict[str, None] = {}
        tables = [self._first] if self._parts is None else map(self._open_part, self._parts)
        for table in tables:
            for block in table.batches({column: pa.string()}, 0, self.batch_size):
                values.update(dict.fromkeys(v for v in block.column(0).to_pylist() if v))
        return list(values)

    def position_of_row(self, number: int) -> Position:
        """Return the position before a row of a single file that is not followed."""
        if self._parts is not None or self.follow:
            kind = "directory" if self._parts is not None else "followed file"
            raise SourceError(
                f"start of a {kind} must be a time, got row {number} of {self.path}; give a time"
            )
        if self.n_rows is not None and number > self.n_rows:
            raise SourceError(f"{self.path}: row must be at most {self.n_rows}, got {number!r}")
        return {"row": number, "series": 0}

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches of one series each.

        A position is ``{"row": first row of a block, "series": number of processed series of the
        block}``, with the ``"end"`` of the block if that is not 0. In a directory it also has
        ``"file"``, its name, and ``"before"``, the number of rows in the files before. For a
        followed file it is the next ``"row"``, and ``"offset"``, ``"inode"``, ``"head"``,
        ``"tail"`` and ``"checked"``, which identify the next byte and the file. Either kind is
        accepted whether or not the file is followed.
        """
        last: dict[str, int] = {}
        if self._parts is not None:
            yield from self._read_folder(dict(start or {}), last)
        elif isinstance(self._first, TextTable) and (self.follow or "offset" in (start or {})):
            yield from self._follow(self._first, start, last)
        else:
            yield from self._read_table(self._first, start, {}, last)

    def _read_table(
        self, table: Table, start: Position | None, file_position: Position, last: dict[str, int]
    ) -> Generator[tuple[Batch, Position | None], None, int]:
        """Yield the batches of a table; return the number of its rows."""
        row = int(start["row"]) if start else 0
        done = int(start.get("series", 0)) if start else 0
        before = int(file_position.get("before", 0))
        end = int(start["end"]) if start and "end" in start else None
        for values, times, keys in self._blocks(table, row, before, end):
            n = len(values)
            series = self._series(values, times, keys, row, last)
            for i, batches in enumerate(series):
                if i < done:
                    continue
                position = {"row": row + n, "series": 0}
                if i + 1 < len(series):
                    position = {"row": row, "end": row + n, "series": i + 1}
                for batch in batches:
                    yield batch, {**file_position, **position} if batch is batches[-1] else None
            row, done = row + n, 0
        return row

    def _read_folder(
        self, start: dict[str, Any], last: dict[str, int]
    ) -> Iterator[tuple[Batch, Position | None]]:
        name = str(start.get("file", ""))
        before, n_rows = int(start.get("before", 0)), int(start.get("row", 0))
        position: Position | None = start or None
        while True:
            for file in table_files(self.path):
                if file < name or (file == name and position is None):
                    continue
                table = self._open_part(file)
                missing = [c for c in self._columns.arrow_types if c not in table.kinds]
                if missing:
                    raise FormatError(
                        f"{table.path} must have the columns {missing!r} of the previous files"
                    )
                if file != name:
                    name, position, before = file, None, before + n_rows
                here: Position = {"file": file, "before": before}
                n_rows = yield from self._read_table(table, position, here, last)
                position = None
            if not self.follow:
                return
            yield self._heartbeat(), {"file": name, "before": before, "row": n_rows, "series": 0}
            sleep(POLL_S)

    def _follow(
        self, table: TextTable, start: Position | None, last: dict[str, int]
    ) -> Iterator[tuple[Batch, Position | None]]:
        """Yield the batches of a growing file, or of what is left of one."""
        n_done = 0  # rows that were read while the file was not followed
        if start is not None and "offset" not in start:
            n_done = int(start["row"])
            if start.get("series", 0):
                for batch, position in self._read_table(table, start, {}, last):
                    yield batch, position
                    if position is not None and not position["series"]:
                        n_done = int(position["row"])
                        break
            start = None
        for text, at in Tail(table).blocks(start, until_end=not self.follow):
            if text is None:
                if int(at["row"]) + 1 < n_done:
                    raise SourceError(
                        f"{self.path} must hold the {n_done} rows that were read before, got "
                        f"{at['row']}; restore the file, or begin a new run file"
                    )
                known = {"row": n_done, "series": 0}  # the last row had no line end, and has none
                yield self._heartbeat(), dict(at) if at["row"] >= n_done else known
                continue
            first = int(at["row"])
            where = line_after(int(at["offset"]) - len(text))
            rows = table.parsed(text, self._columns.arrow_types, where)
            at["row"] = first + rows.num_rows
            rows, first = rows.slice(max(0, n_done - first)), max(first, n_done)
            parts = [
                batch
                for offset in range(0, rows.num_rows, self.batch_size)
                for series in self._series(
                    *self._columns.arrays(rows.slice(offset, self.batch_size), first + offset),
                    first + offset,
                    last,
                )
                for batch in series
            ]
            for batch in parts:
                yield batch, dict(at) if batch is parts[-1] else None

    def _series(
        self, values: Floats, times: Array, keys: Array | None, row: int, last: dict[str, int]
    ) -> list[list[Batch]]:
        """Return the batches of each series in a block of rows."""
        series = []
        for name in list(dict.fromkeys(keys)) if keys is not None else [""]:
            rows = slice(None) if keys is None else np.flatnonzero(keys == name)
            own = times[rows]
            if self.out_of_order == "raise":
                self._check_order(own, last.get(name), name, row)
            last[name] = int(own[-1])
            series.append(list(split_unordered(name, own, values[rows], self.schema)))
        return series

    def _check_types_known(self) -> None:
        if self.columns is None or self.time_column is not None:
            raise SourceError(
                f"{self.path} must hold a complete row to be followed, got only a header; wait "
                f"until a row is written"
            )

    def _open_part(self, name: str | None) -> Table:
        if name is None:
            return open_table(Path(self.path), growing=self.follow)
        return open_table(Path(self.path) / name)

    def _heartbeat(self) -> Batch:
        return Batch("", np.empty(0, np.int64), np.empty((0, self.schema.n_channels)), self.schema)

    def _blocks(
        self, table: Table, row: int, before: int, end: int | None
    ) -> Iterator[tuple[Floats, Array, Array | None]]:
        """Yield blocks of ``batch_size`` rows from ``row`` on, and a shorter last one.

        A block that starts with a complete row ends before the first row with a missing value.
        Its end depends on its start only, so that resuming gives the same blocks; in a file that
        has grown meanwhile the first one ends at ``end``.
        """
        buffered: list[Any] = []
        count = 0
        for block in table.batches(self._columns.arrow_types, row, self.batch_size):
            buffered.append(block)
            count += block.num_rows
            while count >= self.batch_size:
                buffered, cut = self._cut(buffered, row, before, end)
                yield cut
                count -= len(cut[0])
                row += len(cut[0])
        while count:
            buffered, cut = self._cut(buffered, row, before, end)
            yield cut
            count -= len(cut[0])
            row += len(cut[0])

    def _cut(
        self, buffered: list[Any], row: int, before: int, end: int | None
    ) -> tuple[list[Any], tuple[Floats, Array, Array | None]]:
        """Return the remaining buffered rows and the first block."""
        table = pa.Table.from_batches(buffered)
        size = self.batch_size if end is None or end <= row else min(self.batch_size, end - row)
        values, times, keys = self._columns.arrays(table.slice(0, size), row, before)
        missing = np.flatnonzero(~np.isfinite(values).all(axis=1))
        n = int(missing[0]) if missing.size and missing[0] > 0 else len(values)
        block = values[:n], times[:n], None if keys is None else keys[:n]
        return table.slice(n).to_batches(), block

    def _check_order(self, times: Array, last: int | None, name: str, row: int) -> None:
        before = np.concatenate([times[:1] if last is None else [last], times[:-1]])
        decreasing = times < before
        if decreasing.any():
            i = int(np.argmax(decreasing))
            raise DataError(
                f"{self.path}: {series_prefix(name)}times in {self.time_column!r} must never "
                f"decrease, got {times[i]} after {before[i]} {self.schema.time_unit} near row "
                f"{row + i}; sort the file by this column"
            )
