"""Output files: a name appears only when a checkpoint covers what it stands for."""

import csv
import io
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from streamlyt.core import Batch
from streamlyt.core.errors import DataError, SinkError

__all__ = ["CsvRows", "JsonRows", "Output", "RowsOutput", "TextOutput", "check_channels", "writing"]


class Output(ABC):
    """An output with a final path, and a hidden one until a checkpoint covers it.

    What a run leaves at the hidden path if it ends before is thus known to be a leftover: the next
    run publishes what its checkpoint covers, and deletes the rest. Files of the user are never
    overwritten.

    Parameters
    ----------
    path
        The final path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hidden = path.with_name(f".{path.name}.new")

    @abstractmethod
    def flush(self) -> None:
        """Make durable what was written, under hidden names where it is new."""

    @abstractmethod
    def publish(self) -> None:
        """Give what was flushed its final name: a checkpoint covers it."""

    @abstractmethod
    def resume(self, n: int) -> None:
        """Keep the first ``n`` rows or events, those of the checkpoint of the resumed run."""

    @abstractmethod
    def close(self) -> None:
        """Close it; what was not flushed is lost."""

    def check_new(self) -> None:
        """Raise a SinkError if the final path exists."""
        if self.path.exists():
            raise SinkError(
                f"{self.path} already exists and belongs to no run file; move it or choose another "
                f"path"
            )

    def publish_new(self) -> None:
        """Give the hidden path its final name."""
        with writing(self.path):
            if self.hidden.exists():
                self.check_new()
                self.hidden.rename(self.path)
                sync_folder(self.path.parent)

    def too_few(self, n: int, found: int) -> SinkError:
        """Return the error for output that does not contain what the checkpoint covers."""
        return SinkError(
            f"{self.path} must hold the {n} rows or events of the resumed run, got {found}; "
            f"restore it, or start a new run"
        )


class RowsOutput(Output):
    """An output of rows.

    Parameters
    ----------
    path
        The final path.
    """

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Write rows."""


class TextOutput(Output):
    """A file of lines, which are appended; the first ``n_header_lines`` are no rows.

    Lines that no checkpoint covers may be visible in a published file; a resumed run removes them.

    Parameters
    ----------
    path
        The final path.
    """

    n_header_lines = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file: BinaryIO | None = None
        self._flushed = False  # whether a new file is durable

    def append(self, lines: list[str]) -> None:
        """Write lines."""
        with writing(self.path):
            if self._file is None:
                self.check_new()
                self._file = self.hidden.open("wb", buffering=1 << 20)
                sync_folder(self.path.parent)
            self._file.write("".join(f"{line}\n" for line in lines).encode())

    def flush(self) -> None:
        """Make the lines durable."""
        if self._file is not None:
            with writing(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._flushed = True

    def publish(self) -> None:
        """Give a new file its final name."""
        if self._flushed:
            self.publish_new()

    def resume(self, n: int) -> None:
        """Truncate the file to ``n`` lines after the header."""
        self.close()
        self._flushed = False
        if not n:
            with writing(self.path):
                self.hidden.unlink(missing_ok=True)
            self.check_new()
            return
        expected = left = n + self.n_header_lines
        current = self.hidden if self.hidden.exists() else self.path
        with writing(self.path):
            if current.exists():
                with current.open("r+b") as file:
                    while left and file.readline().endswith(b"\n"):
                        left -= 1
                    if not left:
                        file.truncate()
        if left:
            raise self.too_few(n, max(0, expected - left - self.n_header_lines))
        self._flushed = True
        self.publish()
        with writing(self.path):
            self._file = self.path.open("ab", buffering=1 << 20)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with writing(self.path):
                file.close()  # a resumed run writes the buffered lines again


class JsonRows(TextOutput, RowsOutput):
    """Rows as JSON lines.

    Parameters
    ----------
    path
        The final path.
    """

    def write(self, batch: Batch) -> None:
        """Write rows."""
        names = batch.schema.channel_names
        lines = []
        for time, row in zip(batch.times.tolist(), batch.values.tolist(), strict=True):
            known = [x if math.isfinite(x) else None for x in row]
            record = {"key": batch.key, "time": time, **dict(zip(names, known, strict=True))}
            lines.append(json.dumps(record, allow_nan=False))
        self.append(lines)


class CsvRows(TextOutput, RowsOutput):
    """Rows as CSV with a header.

    Parameters
    ----------
    path
        The final path.
    """

    n_header_lines = 1

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._channels: tuple[str, ...] | None = None

    def write(self, batch: Batch) -> None:
        """Write rows."""
        names = batch.schema.channel_names
        if self._channels is None:
            self._channels = names if self._file is None else self._read_channels()
            if self._file is None:
                _check_one_line("channel names", names)
                self.append([_cells(["key", "time", *names])])
        check_channels(self.path, self._channels, names)
        _check_one_line("series key", [batch.key])
        rows = zip(batch.times.tolist(), batch.values.tolist(), strict=True)
        self.append(
            [
                _cells([batch.key, time, *("" if math.isnan(x) else x for x in row)])
                for time, row in rows
            ]
        )

    def resume(self, n: int) -> None:
        """Truncate the file to ``n`` rows."""
        super().resume(n)
        self._channels = None

    def _read_channels(self) -> tuple[str, ...]:
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                return tuple(next(csv.reader(file))[2:])
        except (OSError, ValueError, StopIteration) as error:
            raise SinkError(
                f"{self.path} must start with the header of the resumed run, got {error!r}; "
                f"restore it, or start a new run"
            ) from error


def check_channels(path: Path, known: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Raise a DataError if the channels are not those of the rows before."""
    if known != names:
        raise DataError(
            f"{path}: channels must be {known!r}, got {names!r}; select one branch with after, or "
            f"write JSON lines"
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise a SinkError for an error of the operating system in the block."""
    try:
        yield
    except SinkError:
        raise
    except OSError as error:
        raise SinkError(
            f"{path} cannot be written: {error.strerror or error}; fix the cause and resume the run"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_one_line(what: str, texts: tuple[str, ...] | list[str]) -> None:
    for text in texts:
        if "\n" in text or "\r" in text:
            raise DataError(f"{what} must be one line in CSV, got {text!r}; write JSON lines")


def _cells(cells: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
