"""Recorded series with human annotations of their change points."""

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
    """A series and the annotated rows at which a new segment starts.

    Parameters
    ----------
    name
        Name of the series.
    values
        Shape (n, d), finite.
    truth
        Rows, counted from 0, by the name of the annotator.
    """

    name: str
    values: Floats
    truth: Mapping[str, tuple[int, ...]]


def load_annotated(folder: Path | str) -> list[AnnotatedSeries]:
    r"""Return the annotated series of a folder, sorted by name.

    The annotation file determines the layout:

    * ``annotations.json``: the Turing collection [1]_; one JSON file per series, and
      ``{series: {annotator: [rows]}}``. Series without a file are skipped.
    * ``desc.txt``: the Time Series Segmentation Benchmark [2]_; one column per file, and lines
      ``series,window,row,row,...``.
    * ``changes.json``: your own data; one CSV file per series (numeric columns, header optional),
      and ``{series: [rows]}`` or ``{series: {annotator: [rows]}}``.

    A missing value is filled with the last value of its column, at the start with the first one.

    Parameters
    ----------
    folder
        Directory of the files; it is only read.

    Raises
    ------
    SourceError
        If the folder has none of the three files, or the file of a series does not exist.
    FormatError
        If a file does not have its format.
    DataError
        If an annotation is not a row of its series, or a column has no value.

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
    for name, layout in _LAYOUTS.items():
        if (folder / name).is_file():
            return sorted(layout(folder), key=lambda series: series.name)
    raise SourceError(f"folder must contain one of {', '.join(_LAYOUTS)}, got {folder} without any")


def _turing(folder: Path) -> list[AnnotatedSeries]:
    series = []
    for name, marks in _marks(folder / "annotations.json").items():
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        record = _json(path)
        try:
            columns = [np.array(part["raw"], dtype=np.float64) for part in record["series"]]
            values = np.column_stack(columns)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{path} must be a series of the Turing collection: {error}"
            ) from error
        series.append(_annotated(name, values, marks))
    return series


def _benchmark(folder: Path) -> list[AnnotatedSeries]:
    series = []
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
        series.append(_annotated(name, values, {"": rows}))
    return series


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
    """Return the rows by series and annotator; a single annotator has an empty name."""
    marks = _json(path)
    try:
        return {
            name: {
                str(annotator): [int(row) for row in rows]
                for annotator, rows in (entry if isinstance(entry, dict) else {"": entry}).items()
            }
            for name, entry in marks.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} must be {{series: [rows]}} or {{series: {{annotator: [rows]}}}}: {error}"
        ) from error


def _annotated(name: str, values: Floats, marks: Mapping[str, Sequence[int]]) -> AnnotatedSeries:
    wrong = [row for rows in marks.values() for row in rows if not 0 <= row < len(values)]
    if wrong or not marks:
        raise DataError(
            f"series {name!r}: annotations must be rows from 0 to {len(values) - 1} by at least "
            f"one annotator, got {wrong[0] if wrong else 'none'!r}"
        )
    truth = {annotator: tuple(sorted(rows)) for annotator, rows in marks.items()}
    return AnnotatedSeries(name, _filled(name, values), truth)


def _filled(name: str, values: Floats) -> Floats:
    missing = ~np.isfinite(values)
    if not missing.any():
        return np.ascontiguousarray(values)
    if missing.all(axis=0).any():
        raise DataError(f"series {name!r}: each column must have a value, got one without any")
    rows = np.where(missing, -1, np.arange(len(values))[:, None])
    last = np.maximum.accumulate(rows, axis=0)
    first = np.argmax(~missing, axis=0)
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
        raise SourceError(f"{path} does not exist") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} must be UTF-8 text: {error}") from error
