"""Folders of recorded series whose changes people have marked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.errors import DataError, FormatError, SourceError
from streamlyt.registry import get_component

__all__ = ["AnnotatedSeries", "load_annotated"]


@dataclass(frozen=True, eq=False)
class AnnotatedSeries:
    """A series and the rows at which people saw a new segment begin.

    Parameters
    ----------
    name
        Of the series.
    values
        Shape (n, d), finite.
    truth
        Rows, counted from 0, by the name of who marked them.
    """

    name: str
    values: Floats
    truth: Mapping[str, tuple[int, ...]]


def load_annotated(folder: Path | str) -> list[AnnotatedSeries]:
    r"""Return the annotated series of a folder, sorted by name.

    Three layouts are known by the file that holds the marks:

    * ``annotations.json``: the Turing collection [1]_; one JSON file a series, and
      ``{series: {person: [rows]}}``. Series without a file are left out.
    * ``desc.txt``: the Time Series Segmentation Benchmark [2]_; one column a file, and lines
      ``series,window,row,row,...``.
    * ``changes.json``: of your own; one CSV file a series (numeric columns, a header or none),
      and ``{series: [rows]}`` or ``{series: {person: [rows]}}``.

    A missing value takes the last one of its column, or the first one after it.

    Parameters
    ----------
    folder
        Where they are. Nothing is written there.

    Raises
    ------
    SourceError
        If the folder holds none of the three files, or a series' file is not there.
    FormatError
        If a file cannot be read as what it should be.
    DataError
        If a mark is not a row of its series, or a column has no value at all.

    References
    ----------
    .. [1] G. J. J. van den Burg, C. K. I. Williams, arXiv 2003.06222, 2020.
    .. [2] A. Ermshaus, P. Schäfer, U. Leser, "ClaSP: parameter-free time series segmentation",
       Data Min. Knowl. Discov. 37, 2023.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     _ = (folder / "changes.json").write_text('{"pump": [2]}')
    ...     _ = (folder / "pump.csv").write_text("heat,flow\n1,2\n,2\n5,2\n")
    ...     (series,) = load_annotated(folder)
    >>> series.values.tolist(), series.truth
    ([[1.0, 2.0], [1.0, 2.0], [5.0, 2.0]], {'': (2,)})
    """
    folder = Path(folder)
    for marks, layout in _LAYOUTS.items():
        if (folder / marks).is_file():
            series = layout(folder)
            return sorted(series, key=lambda each: each.name)
    raise SourceError(
        f"a folder of annotated series must hold {', '.join(_LAYOUTS)}; {folder} has none of them"
    )


def _turing(folder: Path) -> list[AnnotatedSeries]:
    found = []
    for name, marks in _marks(folder / "annotations.json").items():
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        record = _json(path)
        try:
            columns = [np.array(each["raw"], dtype=np.float64) for each in record["series"]]
            values = np.column_stack(columns)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{path} must be a series of the Turing collection: {error}"
            ) from error
        found.append(_annotated(name, values, marks))
    return found


def _benchmark(folder: Path) -> list[AnnotatedSeries]:
    found = []
    for number, line in enumerate(_text(folder / "desc.txt").splitlines(), 1):
        if not line.strip():
            continue
        name, *numbers = line.split(",")
        path = folder / f"{name}.txt"
        try:
            values = np.array(_text(path).split(), dtype=np.float64)[:, None]
            rows = [int(row) for row in numbers[1:]]
        except ValueError as error:
            raise FormatError(f"line {number} of desc.txt, or {path}: {error}") from error
        found.append(_annotated(name, values, {"": rows}))
    return found


def _plain(folder: Path) -> list[AnnotatedSeries]:
    source = get_component("connectors", "files", "source")
    return [
        _annotated(
            name,
            np.concatenate([batch.values for batch, _ in source(folder / f"{name}.csv").read()]),
            marks,
        )
        for name, marks in _marks(folder / "changes.json").items()
    ]


_LAYOUTS = {"annotations.json": _turing, "desc.txt": _benchmark, "changes.json": _plain}


def _marks(path: Path) -> dict[str, dict[str, list[int]]]:
    """Return the rows by series and person; one person alone has no name."""
    marks = _json(path)
    try:
        return {
            name: {
                str(person): [int(row) for row in rows]
                for person, rows in (each if isinstance(each, dict) else {"": each}).items()
            }
            for name, each in marks.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} must be {{series: [rows]}} or {{series: {{person: [rows]}}}}: {error}"
        ) from error


def _annotated(name: str, values: Floats, marks: Mapping[str, Sequence[int]]) -> AnnotatedSeries:
    wrong = [row for rows in marks.values() for row in rows if not 0 <= row < len(values)]
    if wrong or not marks:
        raise DataError(
            f"series {name!r}: marks must be rows from 0 to {len(values) - 1}, by one person at "
            f"least, got {wrong[0] if wrong else 'nobody'!r}"
        )
    truth = {person: tuple(sorted(rows)) for person, rows in marks.items()}
    return AnnotatedSeries(name, _filled(name, values), truth)


def _filled(name: str, values: Floats) -> Floats:
    holes = ~np.isfinite(values)
    if not holes.any():
        return np.ascontiguousarray(values)
    if holes.all(axis=0).any():
        raise DataError(f"series {name!r}: each column must hold a value, got one without any")
    rows = np.where(holes, -1, np.arange(len(values))[:, None])
    last = np.maximum.accumulate(rows, axis=0)
    first = np.argmax(~holes, axis=0)
    filled: Floats = np.take_along_axis(values, np.where(last < 0, first, last), axis=0)
    return filled


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(f"{path} must be JSON: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SourceError(f"there must be a file {path}, and there is none") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} must be text in UTF-8: {error}") from error
