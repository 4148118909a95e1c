"""Column roles of a table (channels, time, key), and its rows as arrays."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.core import Array, Channel, Floats, Schema
from streamlyt.core.errors import DataError, FormatError, ParameterError

from .schema_inference import InferredSchema, infer_schema, numeric
from .table import Table

__all__ = ["Columns"]


class Columns:
    """Columns that a source reads.

    Parameters
    ----------
    path
        Path of the table, for messages.
    table
        The table, or the first of several with the same columns.
    columns, time, key, classes
        See :class:`FileSource`.

    Attributes
    ----------
    arrow_types
        Arrow type to read of each column by name.
    schema
        Schema of the rows.

    Raises
    ------
    ParameterError, FormatError
        If the parameters do not match the table.
    """

    def __init__(
        self,
        path: str,
        table: Table,
        columns: Sequence[str] | None,
        time: str | None,
        key: str | None,
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._path, self._table = path, table
        self._time, self._key = time, key
        self._classes = {
            name: {label: float(i) for i, label in enumerate(labels)}
            for name, labels in (classes or {}).items()
        }
        kinds = table.kinds
        named = (
            ("columns", columns),
            ("time_column", time),
            ("key_column", key),
            ("class_labels", [*self._classes]),
        )
        for parameter, names in named:
            for name in [names] if isinstance(names, str) else names or []:
                if name not in kinds:
                    raise ParameterError(
                        f"{parameter} must be a column of {path}, got {name!r}; "
                        f"{_suggestion(name, list(kinds))}"
                    )
        self._inferred: InferredSchema | None = None
        selected = columns
        if selected is None:
            inferred = self.inferred_schema()
            measured = [name for name in inferred.numeric if name not in inferred.left_out]
            selected = measured or list(inferred.numeric)  # only clocks: better than nothing
        selected = [*selected, *(name for name in self._classes if name not in selected)]
        if not selected:
            raise _no_columns_error(path, self.inferred_schema())
        self._kinds = {n: pa.string() if n in self._classes else pa.float64() for n in selected}
        for name in selected:
            text = pa.types.is_string(kinds[name])
            if name in self._classes:
                text = text or pa.types.is_boolean(kinds[name])  # read as "true" and "false"
            if not numeric(kinds[name]) and not text:
                raise ParameterError(
                    f"columns must be numeric, got {name!r} of {path}, which is {kinds[name]}"
                )
        unit, self._time_type = _time_type(path, time, kinds)
        arrow_types: dict[str, Any] = dict(self._kinds)
        if time is not None:
            arrow_types[time] = self._time_type
        if key is not None:
            arrow_types[key] = pa.string()
        clash = {time, key} & set(selected)
        if clash or (time is not None and time == key):
            raise ParameterError(
                f"time, key and columns must be different columns, got {sorted(map(str, clash))!r}"
            )
        self.arrow_types = arrow_types
        self.schema = Schema(tuple(Channel(name) for name in selected), time_unit=unit)

    def inferred_schema(self) -> InferredSchema:
        """Return the roles of the columns, inferred from the first rows."""
        if self._inferred is None:
            inferred = infer_schema(self._table, self._time, self._key)
            if inferred is None:
                raise FormatError(f"{self._path} must hold rows, got only a header")
            self._inferred = inferred
        return self._inferred

    def arrays(self, table: Any, row: int, before: int = 0) -> tuple[Floats, Array, Array | None]:
        """Return values (n, d), times (n,) and, with a key column, keys (n,) of a table.

        Parameters
        ----------
        table
            Rows of a file.
        row
            Number of the first one in its file.
        before
            Number of rows in the files before, which row numbers as times continue.
        """
        values = np.empty((table.num_rows, len(self._kinds)))
        for i, name in enumerate(self._kinds):
            column = table.column(name)
            if name in self._classes:
                values[:, i] = self._class_numbers(name, column, row)
            else:
                values[:, i] = column.to_numpy()
        times = np.arange(before + row, before + row + table.num_rows)
        if self._time is not None:
            times = self._times(table.column(self._time), row)
        keys = None
        if self._key is not None:
            keys = np.array([k or "" for k in table.column(self._key).to_pylist()], dtype=object)
        return values, times, keys

    def _class_numbers(self, name: str, column: Any, row: int) -> Floats:
        """Return the class numbers of a column; NaN for missing values."""
        known: dict[str | None, float] = {None: np.nan, "": np.nan}
        known.update(self._classes[name].items())
        labels = column.to_pylist()
        new = next((i for i, label in enumerate(labels) if label not in known), None)
        if new is not None:
            raise DataError(
                f"{self._path}: {name!r} must be one of its {len(self._classes[name])} classes, "
                f"got {labels[new]!r} in row {row + new}; append it to class_labels"
            )
        return np.array([known[label] for label in labels])

    def _times(self, column: Any, row: int) -> Array:
        raw = column.to_numpy() if pa.types.is_floating(self._time_type) else None
        empty = column.is_null().to_numpy() if raw is None else ~np.isfinite(raw)
        if empty.any():
            raise DataError(
                f"{self._path}: every row must have a time, got none in {self._time!r} of row "
                f"{row + int(np.argmax(empty))}; fill it in or drop the row"
            )
        if raw is not None:
            return np.asarray(np.rint(raw * 1e9).astype(np.int64))
        return np.asarray(column.cast(pa.int64()).to_numpy())


def _suggestion(name: str, known: list[str]) -> str:
    """Return similar column names, ignoring case, or the known ones."""
    by_lower = {column.lower(): column for column in known}
    near = [by_lower[m] for m in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    longer = [c for c in known if name.lower() in c.lower()] if len(name) > 2 else []
    near += [column for column in longer if column not in near]
    if near:
        return f"did you mean {' or '.join(map(repr, near[:3]))}?"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"use one of {', '.join(map(repr, known[:20]))}{more}"


def _no_columns_error(path: str, inferred: InferredSchema) -> FormatError:
    columns = ", ".join(f"{name!r} ({why})" for name, why in list(inferred.left_out.items())[:20])
    message = f"{path} must have a numeric column, got {columns or 'only time and key'}"
    if "text with decimal commas" in inferred.left_out.values():
        message += "; write decimal points instead of commas"
    return FormatError(message)


def _time_type(path: str, time: str | None, kinds: dict[str, Any]) -> tuple[str, Any]:
    """Return the time unit and the Arrow type to read times."""
    if time is None or pa.types.is_integer(kinds[time]):
        return "step", pa.int64()
    kind = kinds[time]
    if pa.types.is_floating(kind):
        return "ns", pa.float64()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "ns", pa.timestamp("ns", tz=getattr(kind, "tz", None))
    raise FormatError(
        f"time_column must be a column of numbers or ISO 8601 timestamps, got {time!r} of {path}, "
        f"which is {kind}; write it as 2024-01-31T12:00:00"
    )
