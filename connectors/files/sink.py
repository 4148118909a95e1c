"""File sink: rows as CSV, JSON lines or Parquet, events as JSON lines."""

import json
import os
from pathlib import Path

from streamlyt.core import Batch, Event, Sink
from streamlyt.core.errors import ParameterError

from .outputs import CsvRows, JsonRows, RowsOutput, TextOutput
from .parquet_output import ParquetParts

__all__ = ["FileSink"]

_OUTPUTS: dict[str, type[RowsOutput]] = {
    ".csv": CsvRows,
    ".jsonl": JsonRows,
    ".parquet": ParquetParts,
}


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
        if self.path is not None and not self.path.endswith(tuple(_OUTPUTS)):
            raise ParameterError(f"path must end in one of {tuple(_OUTPUTS)!r}, got {self.path!r}")
        if self.events_path is not None and not self.events_path.endswith(".jsonl"):
            raise ParameterError(f"events_path must end in '.jsonl', got {self.events_path!r}")
        self._rows_file: RowsOutput | None = None
        if self.path is not None:
            self._rows_file = _OUTPUTS[Path(self.path).suffix](Path(self.path))
        self._events_file = None if self.events_path is None else TextOutput(Path(self.events_path))
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
