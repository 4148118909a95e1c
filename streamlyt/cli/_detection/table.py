"""Change detection on a recorded table, from a file or standard input to events."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.cli._output.tables import counted
from streamlyt.cli.column_options import named_columns, report_columns
from streamlyt.connectors import FileSource
from streamlyt.core.errors import DataError, FormatError, ParameterError
from streamlyt.transforms import MissingValues
from streamlyt.transforms.missing_values import Policy

from .detector_options import choose_detector
from .offline_split import split_short_recording
from .pipeline_run import Recording
from .run import RunOptions, run_recorded, status

__all__ = ["batch_table", "detect_in_table", "missing_values_error", "readable"]

MAGIC = {b"PAR1": ".parquet", b"\x93NUMPY": ".npy", b"\x1f\x8b": ".csv.gz"}
CHUNK = 1 << 20  # bytes copied at a time


def detect_in_table(
    file: Path,
    options: RunOptions,
    *,
    columns: str | None,
    time_column: str | None,
    key_column: str | None,
    **settings: Any,
) -> int:
    """Run ``streamlyt detect`` on one file; return the exit status."""
    if str(file) == "-" and (options.run_file is not None or options.resume):
        raise ParameterError("--run-file needs a file; standard input cannot be resumed")
    with readable(file) as path:
        title = "standard input" if path != file else file.name
        source = FileSource(
            path, columns=named_columns(columns), time_column=time_column, key_column=key_column
        )
        recording = _recording(source, title, **settings)
        options.check()
        report_columns(source, title)
        return status(run_recorded(recording, options), options)


def batch_table(
    file: Path,
    *,
    columns: str | None,
    time_column: str | None,
    key_column: str | None,
    **settings: Any,
) -> Recording:
    """Return one recording of many."""
    source = FileSource(
        file, columns=named_columns(columns), time_column=time_column, key_column=key_column
    )
    return _recording(source, file.name, **settings)


def _recording(
    source: FileSource, title: str, missing: Policy, detector_options: Mapping[str, Any]
) -> Recording:
    detector = choose_detector(**detector_options)
    filling = [] if missing == "raise" else [MissingValues(missing)]
    return Recording(
        title,
        source,
        [*filling, detector],
        afterwards=lambda summary: split_short_recording(source, filling, True, summary, detector),
        explain=lambda: missing_values_error(source, title),
    )


def missing_values_error(source: FileSource, title: str) -> DataError | None:
    """Return an error that counts the missing values of a table; None if there is none."""
    first, rows, incomplete = None, 0, 0
    for batch, _ in FileSource(source.path, columns=list(source.schema.channel_names)).read():
        missing = ~np.isfinite(batch.values)
        if first is None and missing.any():
            row, column = (int(i) for i in np.argwhere(missing)[0])
            first = rows + row, source.schema.channel_names[column]
        rows += batch.n_rows
        incomplete += int(missing.any(axis=1).sum())
    if first is None:
        return None
    return DataError(
        f"{title}: {first[1]!r} must be a number in every row, got none in row {first[0]:,} (from "
        f"0); missing values in {incomplete:,} of {counted(rows, 'row')}: use --missing drop to "
        f"drop these rows or --missing ffill to fill in the last value"
    )


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """Yield a file that can be read repeatedly: for ``-`` a copy of standard input."""
    if str(file) != "-":
        yield file
        return
    start = sys.stdin.buffer.read(CHUNK)
    if not start:
        raise FormatError("standard input must hold a table, got nothing")
    ending = next((end for magic, end in MAGIC.items() if start.startswith(magic)), ".csv")
    with tempfile.TemporaryDirectory(prefix="streamlyt-") as folder:
        copy = Path(folder) / f"stdin{ending}"
        with copy.open("wb") as stream:
            while start:
                stream.write(start)
                start = sys.stdin.buffer.read(CHUNK)
        yield copy
