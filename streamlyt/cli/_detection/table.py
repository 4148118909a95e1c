"""A recorded table from its file, or from the standard input, to findings."""

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

__all__ = ["find_changes", "holes_of", "readable", "recorded_table"]

MAGIC = {b"PAR1": ".parquet", b"\x93NUMPY": ".npy", b"\x1f\x8b": ".csv.gz"}
CHUNK = 1 << 20  # bytes copied at a time


def find_changes(
    file: Path,
    options: RunOptions,
    *,
    columns: str | None,
    time: str | None,
    key: str | None,
    **asked: Any,
) -> int:
    """Run ``streamlyt detect`` over one file; return its exit status."""
    if str(file) == "-" and (options.run is not None or options.resume):
        raise ParameterError("--run must go with a file, for what was piped in cannot be resumed")
    with readable(file) as path:
        title = "standard input" if path != file else file.name
        source = FileSource(path, columns=named_columns(columns), time=time, key=key)
        recording = _recorded(source, title, **asked)
        options.check()
        report_columns(source, title)
        return status(run_recorded(recording, options), options)


def recorded_table(
    file: Path, *, columns: str | None, time: str | None, key: str | None, **asked: Any
) -> Recording:
    """Return a table as ``streamlyt detect`` looks at one among many."""
    source = FileSource(file, columns=named_columns(columns), time=time, key=key)
    return _recorded(source, file.name, **asked)


def _recorded(
    source: FileSource, title: str, missing: Policy, knobs: Mapping[str, Any]
) -> Recording:
    detector = choose_detector(**knobs)
    filling = [] if missing == "stop" else [MissingValues(missing)]
    return Recording(
        title,
        source,
        [*filling, detector],
        afterwards=lambda summary: split_short_recording(source, filling, True, summary, detector),
        explained=lambda: holes_of(source, title),
    )


def holes_of(source: FileSource, title: str) -> DataError | None:
    """Return the error that tells of all missing values of a table; None where there is none."""
    first, rows, holed = None, 0, 0
    for batch, _ in FileSource(source.path, columns=list(source.schema.channel_names)).read():
        holes = ~np.isfinite(batch.values)
        if first is None and holes.any():
            row, column = (int(i) for i in np.argwhere(holes)[0])
            first = rows + row, source.schema.channel_names[column]
        rows += batch.n_rows
        holed += int(holes.any(axis=1).sum())
    if first is None:
        return None
    return DataError(
        f"{title}: {first[1]!r} must be a number in every row, got none in row {first[0]:,} (from "
        f"0); {holed:,} of {counted(rows, 'row')} {'has' if holed == 1 else 'have'} such holes: "
        f"--missing drop leaves them out, --missing hold puts the last value in place"
    )


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """Yield a file that can be read more than once: for ``-`` a copy of the standard input."""
    if str(file) != "-":
        yield file
        return
    start = sys.stdin.buffer.read(CHUNK)
    if not start:
        raise FormatError("the standard input must hold a table, got nothing")
    ending = next((end for magic, end in MAGIC.items() if start.startswith(magic)), ".csv")
    with tempfile.TemporaryDirectory(prefix="streamlyt-") as folder:
        copy = Path(folder) / f"stdin{ending}"
        with copy.open("wb") as stream:
            while start:
                stream.write(start)
                start = sys.stdin.buffer.read(CHUNK)
        yield copy
