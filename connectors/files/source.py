"""Rows of recorded tables, of folders of them, and of files that still grow."""

import os
from collections.abc import Iterator, Sequence
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
from .tail import POLL_S, Tail, as_followable
from .text_readers import Table

__all__ = ["FileSource"]


class FileSource(Source):
    r"""Rows of a recorded table, in memory that does not grow with the file.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, or an object a line in ``.jsonl`` or ``.ndjson``, each of them also
        compressed (``.gz``, ``.bz2``, ``.zst``, ``.lz4``); ``.parquet``; Arrow IPC in ``.arrow``
        or ``.feather``; ``.npy`` of shape (n,) or (n, d). NPY files, and CSV files without a
        header, have columns ``x0``, ``x1``, ... Or a folder of such files, which are read in the
        order of their names as one table; those whose names begin with a dot are passed over.
    columns
        Names of the columns to read; where None, all numeric ones but ``time``, ``key`` and what
        is called like a clock or an index and never goes back (see :meth:`look`). Of a CSV file
        those count that are numeric in its first megabyte.
    time
        Column of times that never decrease within a series. Timestamps (ISO 8601 in CSV; those
        without a zone are taken as UTC) become nanoseconds since 1970; so do decimal numbers,
        which are seconds; whole numbers stay as they are, in steps of whatever they count. Where
        None, times are the row numbers.
    key
        Column that names the series of each row; where None, all rows are one series ``""``.
    batch_rows
        Most rows in a batch.
    disorder
        ``"refuse"`` times that go back, or ``"pass"`` rows on as they come;
        :class:`~streamlyt.transforms.Reorder` puts them in order.
    classes
        Columns of words -> their words, each of which is read as the number of its place (from 0).
        They need not be among the columns to be read.
    follow
        Whether to go on at the end: of a file of lines (not compressed) with what is appended,
        also through truncation and rotation, where it is renamed and begun anew; of a folder with
        the files that are put there, whole (written under another name and renamed), and with
        names after those that are there.

    Attributes
    ----------
    n_rows
        Number of rows; None where the file does not say it: of lines, in a folder, or followed.

    Raises
    ------
    ParameterError
        If the ending of the file or a column is not known.
    SourceError, FormatError
        If the file is not there, or is not what its name says; while reading, if there is text
        in a numeric column.
    DataError
        While reading, if a time is missing or goes back, or a word is none of the classes.

    Notes
    -----
    Empty cells and NaN come as NaN: what reads them decides. A batch ends before the first row
    that has one, so that the rows before it are whole where it is refused.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> from pathlib import Path
    >>> path = Path(folder.name) / "pump.csv"
    >>> _ = path.write_text("at,heat,state\n2024-01-01T00:00,1.5,on\n2024-01-01T00:01,,on\n")
    >>> for batch, position in FileSource(path, time="at").read():
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
        time: str | None = None,
        key: str | None = None,
        batch_rows: int = 4096,
        disorder: Literal["refuse", "pass"] = "refuse",
        classes: dict[str, list[str]] | None = None,
        follow: bool = False,
    ) -> None:
        if batch_rows < 1:
            raise ParameterError(f"batch_rows must be at least 1, got {batch_rows!r}")
        if disorder not in ("refuse", "pass"):
            raise ParameterError(f"disorder must be 'refuse' or 'pass', got {disorder!r}")
        self.disorder = disorder
        self.classes = classes
        self.follow = follow
        self.path = os.fspath(path)
        self.columns = columns if columns is None else list(columns)
        self.time = time
        self.key = key
        self.batch_rows = batch_rows
        self._parts: list[str] | None = None
        if Path(self.path).is_dir():
            self._parts = table_files(self.path)
        self._first = self._opened(None if self._parts is None else self._parts[0])
        if follow and self._parts is None:
            as_followable(self._first)
        self._columns = Columns(self.path, self._first, self.columns, time, key, classes)
        whole = self._parts is None and not follow
        self.n_rows = self._first.n_rows if whole else None

    @property
    def schema(self) -> Schema:
        """The columns under their own names."""
        return self._columns.schema

    def look(self) -> InferredSchema:
        """Return what the first rows say of the columns: which are left out, and why."""
        return self._columns.look()

    def words(self, column: str) -> list[str]:
        """Return the different words of a column, in the order of their first rows.

        The whole table is read for that.
        """
        found: dict[str, None] = {}
        tables = [self._first] if self._parts is None else map(self._opened, self._parts)
        for table in tables:
            for block in table.batches({column: pa.string()}, 0, self.batch_rows):
                found.update(dict.fromkeys(word for word in block.column(0).to_pylist() if word))
        return list(found)

    def position_of_row(self, number: int) -> Position:
        """Return the position before a row, of a single file that is not followed."""
        if self._parts is not None or self.follow:
            what = "a folder" if self._parts is not None else "a file that is followed"
            raise SourceError(
                f"{what} cannot be read from a row by its number, got row {number} of "
                f"{self.path}; give a time"
            )
        if self.n_rows is not None and number > self.n_rows:
            raise SourceError(
                f"{self.path}: row must be at most {self.n_rows}, the end, got {number!r}"
            )
        return {"row": number, "series": 0}

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches of one series each.

        A position is ``{"row": first row of a block, "series": how many of the block's series
        are done}``; in a folder also ``"file"``, its name. Of a file that is followed it is the
        next ``"row"``, and ``"offset"``, ``"inode"``, ``"head"`` and ``"checked"``: which byte
        of which file comes next, and by what that file is known again.
        """
        last: dict[str, int] = {}
        if self._parts is not None:
            yield from self._read_folder(dict(start or {}), last)
        elif self.follow:
            yield from self._read_on(start, last)
        else:
            yield from self._read_table(self._first, start, {}, last)

    def _read_table(
        self, table: Table, start: Position | None, where: Position, last: dict[str, int]
    ) -> Iterator[tuple[Batch, Position | None]]:
        row = int(start["row"]) if start else 0
        done = int(start.get("series", 0)) if start else 0
        for values, times, keys in self._blocks(table, row):
            n = len(values)
            series = self._series(values, times, keys, row, last)
            for i, batches in enumerate(series):
                if i < done:
                    continue
                ended = i + 1 == len(series)
                position = {"row": row + n, "series": 0} if ended else {"row": row, "series": i + 1}
                for batch in batches:
                    yield batch, {**where, **position} if batch is batches[-1] else None
            row, done = row + n, 0

    def _read_folder(
        self, start: dict[str, Any], last: dict[str, int]
    ) -> Iterator[tuple[Batch, Position | None]]:
        name = str(start.get("file", ""))
        position: Position | None = start or None
        while True:
            for each in table_files(self.path):
                if each < name or (each == name and position is None):
                    continue
                table = self._opened(each)
                missing = [one for one in self._columns.wanted if one not in table.kinds]
                if missing:
                    raise FormatError(
                        f"{table.path} must have the columns {missing!r} as the files before it"
                    )
                at = position if each == name else None
                yield from self._read_table(table, at, {"file": each}, last)
                name, position = each, None
            if not self.follow:
                return
            known: Position = {"file": name, "row": 2**53, "series": 0}
            yield self._heartbeat(), known
            sleep(POLL_S)

    def _read_on(
        self, start: Position | None, last: dict[str, int]
    ) -> Iterator[tuple[Batch, Position | None]]:
        table = as_followable(self._first)
        for text, position in Tail(table).blocks(start):
            if text is None:
                yield self._heartbeat(), dict(position)
                continue
            rows = table.parsed(text, self._columns.wanted, int(position["row"]))
            first = int(position["row"])
            after = {**position, "row": first + rows.num_rows}
            parts = [
                batch
                for at in range(0, rows.num_rows, self.batch_rows)
                for series in self._series(
                    *self._columns.arrays(rows.slice(at, self.batch_rows), first + at),
                    first + at,
                    last,
                )
                for batch in series
            ]
            for batch in parts:
                yield batch, after if batch is parts[-1] else None
            position["row"] = first + rows.num_rows

    def _series(
        self, values: Floats, times: Array, keys: Array | None, row: int, last: dict[str, int]
    ) -> list[list[Batch]]:
        """Return the batches of each series in a block of rows."""
        found = []
        for name in list(dict.fromkeys(keys)) if keys is not None else [""]:
            mine = slice(None) if keys is None else np.flatnonzero(keys == name)
            own = times[mine]
            if self.disorder == "refuse":
                self._in_order(own, last.get(name), name, row)
            last[name] = int(own[-1])
            found.append(list(split_unordered(name, own, values[mine], self.schema)))
        return found

    def _opened(self, name: str | None) -> Table:
        return open_table(Path(self.path) if name is None else Path(self.path) / name)

    def _heartbeat(self) -> Batch:
        return Batch("", np.empty(0, np.int64), np.empty((0, self.schema.n_channels)), self.schema)

    def _blocks(self, table: Table, row: int) -> Iterator[tuple[Floats, Array, Array | None]]:
        """Yield blocks of ``batch_rows`` rows from ``row`` on, and a shorter last one.

        A block that begins with a whole row ends before the first that has a hole. So where it
        ends follows from where it begins, and reading on from a position gives the same blocks.
        """
        held: list[Any] = []
        count = 0
        for block in table.batches(self._columns.wanted, row, self.batch_rows):
            held.append(block)
            count += block.num_rows
            while count >= self.batch_rows:
                held, taken = self._cut(held, row)
                yield taken
                count -= len(taken[0])
                row += len(taken[0])
        while count:
            held, taken = self._cut(held, row)
            yield taken
            count -= len(taken[0])
            row += len(taken[0])

    def _cut(
        self, held: list[Any], row: int
    ) -> tuple[list[Any], tuple[Floats, Array, Array | None]]:
        """Return what is left of the rows held, and the block that they begin with."""
        table = pa.Table.from_batches(held)
        values, times, keys = self._columns.arrays(table.slice(0, self.batch_rows), row)
        holes = np.flatnonzero(~np.isfinite(values).all(axis=1))
        n = int(holes[0]) if holes.size and holes[0] > 0 else len(values)
        block = values[:n], times[:n], None if keys is None else keys[:n]
        return table.slice(n).to_batches(), block

    def _in_order(self, times: Array, last: int | None, name: str, row: int) -> None:
        before = np.concatenate([times[:1] if last is None else [last], times[:-1]])
        back = times < before
        if back.any():
            at = int(np.argmax(back))
            raise DataError(
                f"{self.path}: {series_prefix(name)}times in {self.time!r} must never decrease, "
                f"got {times[at]} after {before[at]} {self.schema.time_unit} near row {row + at}; "
                f"sort the file by that column"
            )
