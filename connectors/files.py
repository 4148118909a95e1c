"""Recorded tables: CSV, Parquet and NPY."""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from streamlyt._arrival import as_they_came
from streamlyt.base import Array, Batch, Channel, Floats, Position, Schema, Source
from streamlyt.errors import DataError, FormatError, ParameterError, in_series

from ._first_look import FirstLook, first_look, numeric
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
        :class:`~streamlyt.windows.Ordered` puts them in order.

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
    Empty cells and NaN come as NaN: what reads them decides. A batch ends before the first row
    that has one, so that the rows before it are whole where it is refused.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "pump.csv"
    >>> _ = path.write_text("at,heat,state\n2024-01-01T00:00,1.5,on\n2024-01-01T00:01,,on\n")
    >>> for batch, position in FileSource(path, time="at").read():
    ...     print(batch.schema.names, batch.values.ravel(), position)
    ('heat',) [1.5] {'row': 1, 'series': 0}
    ('heat',) [nan] {'row': 2, 'series': 0}
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
        disorder: Literal["refuse", "pass"] = "refuse",
    ) -> None:
        if batch_rows < 1:
            raise ParameterError(f"batch_rows must be at least 1, got {batch_rows!r}")
        if disorder not in ("refuse", "pass"):
            raise ParameterError(f"disorder must be 'refuse' or 'pass', got {disorder!r}")
        self.disorder = disorder
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
                    raise ParameterError(
                        f"{what} must name {'columns' if what == 'columns' else 'a column'} of "
                        f"{self.path}, got {name!r}; {_near(name, list(kinds))}"
                    )
        self._look: FirstLook | None = None
        chosen = self.columns
        if chosen is None:
            look = self.look()
            measured = [name for name in look.numeric if name not in look.left_out]
            chosen = measured or list(look.numeric)  # a clock is all there is: better than nothing
        if not chosen:
            raise _nothing_to_watch(self.path, self.look())
        self._kinds = {name: pa.float64() for name in chosen}
        for name in chosen:
            if not numeric(kinds[name]) and not pa.types.is_string(kinds[name]):
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

    def look(self) -> FirstLook:
        """Return what the first rows say of the columns: which are left out, and why."""
        if self._look is None:
            self._look = first_look(self._table, self.time, self.key)
        return self._look

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
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
                if self.disorder == "refuse":
                    self._in_order(own, last.get(name), name, row)
                last[name] = int(own[-1])
                ended = i + 1 == len(names)
                position = {"row": row + n, "series": 0} if ended else {"row": row, "series": i + 1}
                batches = list(as_they_came(name, own, values[mine], self._schema))
                for batch in batches:
                    yield batch, position if batch is batches[-1] else None
            row, done = row + n, 0

    def _blocks(self, row: int) -> Iterator[tuple[Floats, Array, Array | None]]:
        """Yield blocks of ``batch_rows`` rows from ``row`` on, and a shorter last one.

        A block that begins with a whole row ends before the first that has a hole. So where it
        ends follows from where it begins, and reading on from a position gives the same blocks.
        """
        held: list[Any] = []
        count = 0
        for block in self._table.batches(self._wanted, row, self.batch_rows):
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
        values, times, keys = self._arrays(table.slice(0, self.batch_rows), row)
        holes = np.flatnonzero(~np.isfinite(values).all(axis=1))
        n = int(holes[0]) if holes.size and holes[0] > 0 else len(values)
        block = values[:n], times[:n], None if keys is None else keys[:n]
        return table.slice(n).to_batches(), block

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
                f"{self.path}: {in_series(name)}times in {self.time!r} must never decrease, got "
                f"{times[at]} after {before[at]} {self._schema.time_unit} near row {row + at}; "
                f"sort the file by that column"
            )


def _near(name: str, known: list[str]) -> str:
    """Return the columns that a name may have meant, whatever its capitals."""
    small = {each.lower(): each for each in known}
    near = [small[each] for each in get_close_matches(name.lower(), small, n=3, cutoff=0.5)]
    longer = [each for each in known if name.lower() in each.lower()] if len(name) > 2 else []
    near += [each for each in longer if each not in near]
    if near:
        return f"did you mean {' or '.join(map(repr, near[:3]))}?"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"there are {', '.join(map(repr, known[:20]))}{more}"


def _nothing_to_watch(path: str, look: FirstLook) -> FormatError:
    held = ", ".join(f"{name!r} ({why})" for name, why in list(look.left_out.items())[:20])
    what = f"{path} must have a numeric column, got {held or 'none beside time and key'}"
    if "text with decimal commas" in look.left_out.values():
        what += "; write decimal points in place of the commas"
    return FormatError(what)


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
