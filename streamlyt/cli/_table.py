"""A recorded table from its file to the source: what is watched of it, and what is said of that."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamlyt.cli._closing import OffLine
from streamlyt.cli._detector import choose_detector
from streamlyt.cli._guard import say
from streamlyt.cli._print import counted
from streamlyt.cli._recorded import Options, run_recorded, status
from streamlyt.cli._short import split_short
from streamlyt.connectors import FileSource
from streamlyt.engines.local import Summary
from streamlyt.errors import FormatError, ParameterError

__all__ = ["find_changes", "named_columns"]

TOLD = 12  # columns that are named one by one
KEYS = 0.5  # series a row: with more the key hardly repeats
FEWEST = 20  # rows of which that is said
MAGIC = {b"PAR1": ".parquet", b"\x93NUMPY": ".npy", b"\x1f\x8b": ".csv.gz"}
CHUNK = 1 << 20  # bytes copied at a time


def find_changes(
    file: Path,
    columns: str | None,
    time: str | None,
    key: str | None,
    knobs: Mapping[str, Any],
    options: Options,
) -> int:
    """Run ``streamlyt detect``; return its exit status."""
    if str(file) == "-" and (options.run is not None or options.resume):
        raise ParameterError("--run must go with a file, for what was piped in cannot be resumed")
    with _readable(file) as path:
        title = "standard input" if path != file else file.name
        source = FileSource(path, columns=named_columns(columns), time=time, key=key)
        detector = choose_detector(**knobs)
        options.check()
        _tell_of_columns(source, title)

        def split(summary: Summary) -> OffLine | None:
            return split_short(source, [], True, summary, detector)

        return status(run_recorded(source, [detector], options, title, split), options)


def named_columns(text: str | None) -> list[str] | None:
    """Return the names between commas, without the blanks around them.

    Raises
    ------
    ParameterError
        If none is left.

    Examples
    --------
    >>> named_columns("a, b,"), named_columns(None)
    (['a', 'b'], None)
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--columns must name columns, with commas between, got {text!r}")
    return names


@contextmanager
def _readable(file: Path) -> Iterator[Path]:
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


def _tell_of_columns(source: FileSource, title: str) -> None:
    """Say what is watched, what is left out and why, and what may not be meant so."""
    look = source.look()
    watched = source.schema.names
    if source.columns is None:
        out = [f"{name or repr(name)} ({why})" for name, why in look.left_out.items()]
        out = [told for told, name in zip(out, look.left_out, strict=True) if name not in watched]
        left = f"; left out: {_few(out)}" if out else ""
        say(f"watching {_few([name or repr(name) for name in watched])}{left}")
    counting = {*look.counting, *(n for n, why in look.left_out.items() if why == "time")}
    if told := [name for name in watched if name in counting]:
        say(
            f"{title}: {_few(told)} only {'counts' if len(told) == 1 else 'count'}, which hides "
            f"changes in all that is watched: name the other columns with --columns"
        )
    if source.columns is None and source.key is None and look.repeating:
        name, count = min(look.repeating.items(), key=lambda each: each[1])
        say(f"{name} has {count} values: --key {name} watches each as a series of its own")
    if source.key is not None and look.rows >= FEWEST and look.series > KEYS * look.rows:
        say(
            f"--key {source.key} names {counted(look.series, 'series', 'series')} in the first "
            f"{counted(look.rows, 'row')}: choose a column with few values, each of many rows"
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return f"{', '.join(names[:TOLD])}{more}"
