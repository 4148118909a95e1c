"""Rows and findings written to files: lines that are appended, or parts that are whole."""

import csv
import io
import json
import math
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as parquet

from streamlyt.core import Batch, Event, Schema, Sink
from streamlyt.core.errors import DataError, ParameterError, SinkError

__all__ = ["FileSink"]

_ENDINGS = (".csv", ".jsonl", ".parquet")


class FileSink(Sink):
    """Rows as CSV, JSON lines or Parquet, findings as JSON lines.

    Each row has the columns ``key``, ``time`` and those of its channels. Together with a run file
    each row is written once, however often the run is killed: what was written after the last
    checkpoint is taken back when the run is resumed, and comes again.

    Parameters
    ----------
    path
        A file that ends in ``.csv`` or ``.jsonl``; or a folder whose name ends in ``.parquet``,
        which gets a part, whole or not at all, at each checkpoint, named after the number of its
        first row. None for no rows.
    events
        A file that ends in ``.jsonl`` for the findings; None for none.

    Raises
    ------
    ParameterError
        If there is nothing to write, or an ending is not known.
    SinkError
        While writing: if there are rows already that no run file knows of, or nothing can be
        written.
    DataError
        While writing CSV or Parquet, if the channels change.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> folder = TemporaryDirectory()
    >>> from streamlyt.core import Batch, Schema
    >>> sink = FileSink(folder.name + "/rows.csv")
    >>> sink.write_rows(Batch("a", [1, 2], [[0.5], [float("nan")]], Schema.of("x")))
    >>> sink.close()
    >>> from streamlyt.connectors import FileSource
    >>> for batch, _ in FileSource(folder.name + "/rows.csv", time="time", key="key").read():
    ...     print(batch.key, batch.times, batch.values.ravel())
    a [1] [0.5]
    a [2] [nan]
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        events: str | os.PathLike[str] | None = None,
    ) -> None:
        if path is None and events is None:
            raise ParameterError("path or events must be given: there is nothing to write")
        self.path = None if path is None else os.fspath(path)
        self.events = None if events is None else os.fspath(events)
        if self.path is not None and not self.path.endswith(_ENDINGS):
            raise ParameterError(f"path must end in one of {_ENDINGS!r}, got {self.path!r}")
        if self.events is not None and not self.events.endswith(".jsonl"):
            raise ParameterError(f"events must end in '.jsonl', got {self.events!r}")
        self._rows: _Rows | None = None
        if self.path is not None:
            kind = {".csv": _Csv, ".jsonl": _Json, ".parquet": _Parts}[Path(self.path).suffix]
            self._rows = kind(Path(self.path))
        self._findings = None if self.events is None else _Lines(Path(self.events))
        self._driven = False  # by an engine, which tells what its checkpoints cover

    def write_rows(self, batch: Batch) -> None:
        """Take rows."""
        if self._rows is not None and batch.n_rows:
            self._rows.write(batch)

    def write_event(self, event: Event) -> None:
        """Take a finding."""
        if self._findings is not None:
            self._findings.append([json.dumps(event.to_dict(), allow_nan=False)])

    def flush(self) -> None:
        """Return when all is on the disk."""
        if self._rows is not None:
            self._rows.flush()
        if self._findings is not None:
            self._findings.flush()

    def truncate_to(self, rows: int, events: int) -> None:
        """Take back what was written after so many rows and findings.

        Raises
        ------
        SinkError
            If there is less than that; or anything at all where there should be none.
        """
        self._driven = True
        if self._rows is not None:
            self._rows.resume(rows)
        if self._findings is not None:
            self._findings.resume(events)

    def settle(self) -> None:
        """Show what was flushed under its name: a checkpoint covers it."""
        for one in (self._rows, self._findings):
            if one is not None:
                one.show()

    def close(self) -> None:
        """Flush, and close the files.

        In a run, what no checkpoint covers keeps its hidden name: a run that is resumed writes it
        again.
        """
        if not self._driven:
            self.flush()
            self.settle()
        for one in (self._rows, self._findings):
            if one is not None:
                one.close()


class _Rows(ABC):
    """Where rows go.

    A file that is begun has a hidden name until its rows are covered by a checkpoint. So what a run
    leaves that ends before its first checkpoint, killed or by an error, is known as its own, and
    nothing of the user's is ever written over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hidden = path.with_name(f".{path.name}.new")
        self.flushed = False

    @property
    def at(self) -> Path:
        """Where the rows are by now."""
        return self.hidden if self.hidden.exists() else self.path

    def show(self) -> None:
        """Give what was begun its name."""
        try:
            if self.flushed and self.hidden.exists():
                self.hidden.rename(self.path)
        except OSError as error:
            raise _unwritten(self.path, error) from error

    @abstractmethod
    def write(self, batch: Batch) -> None: ...

    @abstractmethod
    def flush(self) -> None: ...

    @abstractmethod
    def resume(self, n: int) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


class _Lines(_Rows):
    """A file of lines, of which so many are heads."""

    heads = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: BinaryIO | None = None

    def write(self, batch: Batch) -> None:
        raise NotImplementedError  # a file of findings is given lines, and no rows

    def append(self, lines: list[str]) -> None:
        try:
            if self._file is None:
                if self.path.exists():
                    raise _there(self.path)
                self._file = self.hidden.open("wb", buffering=1 << 20)
            self._file.write("".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def flush(self) -> None:
        if self._file is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.flushed = True
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def resume(self, n: int) -> None:
        self._drop()
        if not n:
            self.hidden.unlink(missing_ok=True)
            if self.path.exists():
                raise _there(self.path)
            return
        left = n + self.heads
        if self.at.exists():
            with self.at.open("r+b") as file:
                while left and file.readline().endswith(b"\n"):
                    left -= 1
                if not left:
                    file.truncate()
        if left:
            raise SinkError(
                f"{self.path} must hold the {n} rows or findings of the run that is resumed, "
                f"{left} are not there; put it back, or begin a new run"
            )
        self.flushed = True
        self.show()
        try:
            self._file = self.path.open("ab", buffering=1 << 20)
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError as error:  # what waited cannot be written: a resumed run writes it again
            raise _unwritten(self.path, error) from error


class _Json(_Lines):
    def write(self, batch: Batch) -> None:
        names = batch.schema.channel_names
        lines = []
        for time, row in zip(batch.times.tolist(), batch.values.tolist(), strict=True):
            known = [x if math.isfinite(x) else None for x in row]
            record = {"key": batch.key, "time": time, **dict(zip(names, known, strict=True))}
            lines.append(json.dumps(record, allow_nan=False))
        self.append(lines)


class _Csv(_Lines):
    heads = 1

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._channels: tuple[str, ...] | None = None

    def write(self, batch: Batch) -> None:
        names = batch.schema.channel_names
        if self._channels is None:
            self._channels = names if self._file is None else self._known()
            if self._file is None:
                self.append([_cells(["key", "time", *names])])
        _same(self.path, self._channels, names)
        if "\n" in batch.key or "\r" in batch.key:
            raise DataError(f"the name of a series must be one line in CSV, got {batch.key!r}")
        rows = zip(batch.times.tolist(), batch.values.tolist(), strict=True)
        self.append(
            [
                _cells([batch.key, time, *("" if math.isnan(x) else x for x in row)])
                for time, row in rows
            ]
        )

    def resume(self, n: int) -> None:
        super().resume(n)
        self._channels = None

    def _known(self) -> tuple[str, ...]:
        with self.at.open(newline="", encoding="utf-8") as file:
            return tuple(next(csv.reader(file))[2:])


class _Parts(_Rows):
    """A folder of Parquet files, each named after the number of its first row."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._n = 0  # rows on the disk
        self._held: list[pa.RecordBatch] = []
        self._schema: Schema | None = None
        self._resumed = False

    def write(self, batch: Batch) -> None:
        names = batch.schema.channel_names
        if self._schema is None:
            self._schema = batch.schema
        _same(self.path, self._schema.channel_names, names)
        if not self._resumed:
            self.resume(0)
        columns = [
            pa.array([batch.key] * batch.n_rows, pa.string()),
            pa.array(batch.times),
            *(pa.array(column.copy()) for column in batch.values.T),
        ]
        self._held.append(pa.RecordBatch.from_arrays(columns, ["key", "time", *names]))

    def flush(self) -> None:
        if not self._held:
            return
        table = pa.Table.from_batches(self._held)
        self._put(table, self._n)
        self._n += table.num_rows
        self._held, self.flushed = [], True

    def resume(self, n: int) -> None:
        self._held, self._resumed = [], True
        self._n = 0
        if not n:
            if self.path.exists():
                raise _there(self.path)
            if self.hidden.exists():
                shutil.rmtree(self.hidden)
            return
        self.flushed = True
        self.show()
        parts = sorted(self.path.glob("rows-*.parquet")) if self.path.is_dir() else []
        for part in parts:
            first = int(part.stem.removeprefix("rows-"))
            rows = parquet.read_metadata(part).num_rows
            if first >= n:
                part.unlink()
            elif first != self._n:
                break
            elif first + rows > n:
                self._put(parquet.read_table(part).slice(0, n - first), first)
                self._n = n
            else:
                self._n = first + rows
        if self._n != n:
            raise SinkError(
                f"{self.path} must hold the {n} rows of the run that is resumed, it holds "
                f"{self._n}; put its parts back, or begin a new run"
            )

    def _put(self, table: pa.Table, first: int) -> None:
        folder = self.path if self.path.exists() else self.hidden
        target = folder / f"rows-{first:015d}.parquet"
        unfinished = folder / f".{target.name}.new"
        try:
            folder.mkdir(exist_ok=True)
            parquet.write_table(table, unfinished, compression="zstd")
            for path in (unfinished, folder):
                handle = os.open(path, os.O_RDONLY)
                os.fsync(handle)
                os.close(handle)
                if path == unfinished:
                    unfinished.replace(target)
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def close(self) -> None:
        self._held = []


def _cells(cells: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _same(path: Path, known: tuple[str, ...], names: tuple[str, ...]) -> None:
    if known != names:
        raise DataError(
            f"{path}: channels must stay {known!r}, got {names!r}; name the operator "
            f"whose rows it takes by after, or write JSON lines"
        )


def _there(path: Path) -> SinkError:
    return SinkError(
        f"{path} holds rows or findings already that no run file knows of; move it away, or name "
        f"another"
    )


def _unwritten(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path} cannot be written: {error.strerror or error}")
