"""File sink: rows as CSV, JSON lines or Parquet, events as JSON lines."""

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

_SUFFIXES = (".csv", ".jsonl", ".parquet")


class FileSink(Sink):
    """Writes rows as CSV, JSON lines or Parquet, and events as JSON lines.

    Each row has the columns ``key``, ``time`` and its channels. With a run file each row is
    written exactly once, even if the run is killed: resuming truncates the output to the last
    checkpoint and writes the later rows again.

    Parameters
    ----------
    path
        A file that ends in ``.csv`` or ``.jsonl``; or a directory that ends in ``.parquet``, to
        which each checkpoint adds a part atomically, named after the number of its first row.
        None: no rows.
    events_path
        A file that ends in ``.jsonl`` for the events. None: no events.

    Raises
    ------
    ParameterError
        If both paths are None, or a suffix is unknown.
    SinkError
        While writing: if the path exists and belongs to no run file, or cannot be written.
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
    >>> path = folder.name + "/rows.csv"
    >>> for batch, _ in FileSource(path, time_column="time", key_column="key").read():
    ...     print(batch.key, batch.times, batch.values.ravel())
    a [1] [0.5]
    a [2] [nan]
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        events_path: str | os.PathLike[str] | None = None,
    ) -> None:
        if path is None and events_path is None:
            raise ParameterError("path or events must be given, got neither; name a file to write")
        self.path = None if path is None else os.fspath(path)
        self.events_path = None if events_path is None else os.fspath(events_path)
        if self.path is not None and not self.path.endswith(_SUFFIXES):
            raise ParameterError(f"path must end in one of {_SUFFIXES!r}, got {self.path!r}")
        if self.events_path is not None and not self.events_path.endswith(".jsonl"):
            raise ParameterError(f"events_path must end in '.jsonl', got {self.events_path!r}")
        self._rows_file: _RowsFile | None = None
        if self.path is not None:
            kind = {".csv": _Csv, ".jsonl": _Json, ".parquet": _Parts}[Path(self.path).suffix]
            self._rows_file = kind(Path(self.path))
        self._events_file = None if self.events_path is None else _Lines(Path(self.events_path))
        self._has_run_file = False  # an engine with a run file calls truncate_to

    def write_rows(self, batch: Batch) -> None:
        """Write rows."""
        if self._rows_file is not None and batch.n_rows:
            self._rows_file.write(batch)

    def write_event(self, event: Event) -> None:
        """Write an event."""
        if self._events_file is not None:
            self._events_file.append([json.dumps(event.to_dict(), allow_nan=False)])

    def flush(self) -> None:
        """Write all buffered data to disk."""
        if self._rows_file is not None:
            self._rows_file.flush()
        if self._events_file is not None:
            self._events_file.flush()

    def truncate_to(self, rows: int, events: int) -> None:
        """Truncate the output to these numbers of rows and events.

        Raises
        ------
        SinkError
            If there are fewer; or the path exists and the number is 0.
        """
        self._has_run_file = True
        if self._rows_file is not None:
            self._rows_file.resume(rows)
        if self._events_file is not None:
            self._events_file.resume(events)

    def settle(self) -> None:
        """Rename flushed output to its final path, after a checkpoint."""
        for file in (self._rows_file, self._events_file):
            if file is not None:
                file.publish()

    def close(self) -> None:
        """Flush and close the files.

        With a run file, output after the last checkpoint keeps its hidden name: a resumed run
        writes it again.
        """
        if not self._has_run_file:
            self.flush()
            self.settle()
        for file in (self._rows_file, self._events_file):
            if file is not None:
                file.close()


class _RowsFile(ABC):
    """Output file.

    A new file has a hidden name until a checkpoint covers it. The remains of a run that ended
    before its first checkpoint are thus recognized, and user files are never overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hidden = path.with_name(f".{path.name}.new")
        self.flushed = False

    @property
    def current(self) -> Path:
        """Hidden or final path."""
        return self.hidden if self.hidden.exists() else self.path

    def publish(self) -> None:
        """Rename the hidden file to its final path."""
        try:
            if self.flushed and self.hidden.exists():
                self.hidden.rename(self.path)
        except OSError as error:
            raise _write_error(self.path, error) from error

    @abstractmethod
    def write(self, batch: Batch) -> None: ...

    @abstractmethod
    def flush(self) -> None: ...

    @abstractmethod
    def resume(self, n: int) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


class _Lines(_RowsFile):
    """A text file; the first ``n_header_lines`` lines are no rows."""

    n_header_lines = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: BinaryIO | None = None

    def write(self, batch: Batch) -> None:
        raise NotImplementedError  # the events file receives lines, not rows

    def append(self, lines: list[str]) -> None:
        try:
            if self._file is None:
                if self.path.exists():
                    raise _exists_error(self.path)
                self._file = self.hidden.open("wb", buffering=1 << 20)
            self._file.write("".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise _write_error(self.path, error) from error

    def flush(self) -> None:
        if self._file is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.flushed = True
        except OSError as error:
            raise _write_error(self.path, error) from error

    def resume(self, n: int) -> None:
        self._close_file()
        if not n:
            self.hidden.unlink(missing_ok=True)
            if self.path.exists():
                raise _exists_error(self.path)
            return
        left = n + self.n_header_lines
        if self.current.exists():
            with self.current.open("r+b") as file:
                while left and file.readline().endswith(b"\n"):
                    left -= 1
                if not left:
                    file.truncate()
        if left:
            raise SinkError(
                f"{self.path} must hold the {n} rows or events of the resumed run, {left} are "
                f"missing; restore it, or start a new run"
            )
        self.flushed = True
        self.publish()
        try:
            self._file = self.path.open("ab", buffering=1 << 20)
        except OSError as error:
            raise _write_error(self.path, error) from error

    def close(self) -> None:
        self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError as error:  # a resumed run writes the buffered lines again
            raise _write_error(self.path, error) from error


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
    n_header_lines = 1

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._channels: tuple[str, ...] | None = None

    def write(self, batch: Batch) -> None:
        names = batch.schema.channel_names
        if self._channels is None:
            self._channels = names if self._file is None else self._read_channels()
            if self._file is None:
                self.append([_cells(["key", "time", *names])])
        _check_channels(self.path, self._channels, names)
        if "\n" in batch.key or "\r" in batch.key:
            raise DataError(f"series key must be one line in CSV, got {batch.key!r}")
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

    def _read_channels(self) -> tuple[str, ...]:
        with self.current.open(newline="", encoding="utf-8") as file:
            return tuple(next(csv.reader(file))[2:])


class _Parts(_RowsFile):
    """A directory of Parquet files, each named after the number of its first row."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._n = 0  # rows on disk
        self._buffered: list[pa.RecordBatch] = []
        self._schema: Schema | None = None
        self._resumed = False

    def write(self, batch: Batch) -> None:
        names = batch.schema.channel_names
        if self._schema is None:
            self._schema = batch.schema
        _check_channels(self.path, self._schema.channel_names, names)
        if not self._resumed:
            self.resume(0)
        columns = [
            pa.array([batch.key] * batch.n_rows, pa.string()),
            pa.array(batch.times),
            *(pa.array(column.copy()) for column in batch.values.T),
        ]
        self._buffered.append(pa.RecordBatch.from_arrays(columns, ["key", "time", *names]))

    def flush(self) -> None:
        if not self._buffered:
            return
        table = pa.Table.from_batches(self._buffered)
        self._write_part(table, self._n)
        self._n += table.num_rows
        self._buffered, self.flushed = [], True

    def resume(self, n: int) -> None:
        self._buffered, self._resumed = [], True
        self._n = 0
        if not n:
            if self.path.exists():
                raise _exists_error(self.path)
            if self.hidden.exists():
                shutil.rmtree(self.hidden)
            return
        self.flushed = True
        self.publish()
        parts = sorted(self.path.glob("rows-*.parquet")) if self.path.is_dir() else []
        for part in parts:
            first = int(part.stem.removeprefix("rows-"))
            rows = parquet.read_metadata(part).num_rows
            if first >= n:
                part.unlink()
            elif first != self._n:
                break
            elif first + rows > n:
                self._write_part(parquet.read_table(part).slice(0, n - first), first)
                self._n = n
            else:
                self._n = first + rows
        if self._n != n:
            raise SinkError(
                f"{self.path} must hold the {n} rows of the resumed run, got {self._n}; "
                f"restore its parts, or start a new run"
            )

    def _write_part(self, table: pa.Table, first: int) -> None:
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
            raise _write_error(self.path, error) from error

    def close(self) -> None:
        self._buffered = []


def _cells(cells: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _check_channels(path: Path, known: tuple[str, ...], names: tuple[str, ...]) -> None:
    if known != names:
        raise DataError(
            f"{path}: channels must be {known!r}, got {names!r}; select one branch with after, or "
            f"write JSON lines"
        )


def _exists_error(path: Path) -> SinkError:
    return SinkError(
        f"{path} already exists and belongs to no run file; move it or choose another path"
    )


def _write_error(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path} cannot be written: {error.strerror or error}")
