"""Infer the roles of the columns of a table from its first rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.core import Array

from .table import Table

__all__ = ["InferredSchema", "infer_schema", "numeric"]

SAMPLE_ROWS = 4096  # of CSV the first megabyte
MIN_COUNTER_ROWS = 8  # to call a monotonic column a counter
MAX_KEY_VALUES = 50  # distinct values of a text column that may identify series
MIN_ROWS_PER_KEY = 4  # on average

_UNITS = frozenset(("s", "sec", "secs", "seconds", "ms", "us", "ns", "ps", "fs", "min", "h", "utc"))
_CLOCKS = frozenset(("time", "times", "timestamp", "timestamps", "datetime", "date", "unnamed"))
_SHORT = frozenset(("t", "ts", "index", "idx"))  # clocks if only a unit follows
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class InferredSchema:
    """Roles of the columns of a table, inferred from its first rows.

    Parameters
    ----------
    rows
        Number of rows examined.
    numeric
        Numeric columns except time and key.
    left_out
        Column -> reason to exclude it: what it holds instead of measurements.
    counting
        Counters: columns of ``numeric`` that are strictly monotonic and have no clock name.
    repeating
        Text columns with few values of many rows each -> number of values: possible keys.
    series
        Number of series in these rows; 0 without a key.
    """

    rows: int
    numeric: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    counting: tuple[str, ...] = ()
    repeating: Mapping[str, int] = field(default_factory=dict)
    series: int = 0


def infer_schema(table: Table, time: str | None, key: str | None) -> InferredSchema | None:
    """Infer the schema of a table from its first rows; None if it has no rows.

    ``time`` and ``key`` are the selected columns.
    """
    kinds = table.kinds
    numbers = [n for n, kind in kinds.items() if numeric(kind) and n not in (time, key)]
    texts = [n for n, kind in kinds.items() if pa.types.is_string(kind) and n not in (time, key)]
    names = [*numbers, *texts, *([key] if key is not None else [])]
    sample = _first(table, {name: kinds[name] for name in names})
    if names and not sample:
        return None
    strings = {
        name: _strings(sample, name) for name in [*texts, *([key] if key is not None else [])]
    }
    rows = len(next(iter(sample.values()))) if sample else 0
    n_values = {n: len(set(strings[n])) for n in texts}
    repeating = {
        n: count
        for n, count in n_values.items()
        if 2 <= count <= MAX_KEY_VALUES and count * MIN_ROWS_PER_KEY <= rows
    }
    groups = [None, *(strings[n] for n in ([key] if key is not None else repeating))]
    left_out = {}
    for name, kind in kinds.items():
        if name in texts:
            commas = [bool(_DECIMAL_COMMA.fullmatch(text)) for text in strings[name] if text]
            left_out[name] = "text with decimal commas" if commas and all(commas) else "text"
        elif name in numbers:
            if _is_clock(name) and any(_never_decreases(sample[name], group) for group in groups):
                left_out[name] = "time"
        elif name not in (time, key):
            left_out[name] = _kind_name(kind)
    return InferredSchema(
        rows,
        tuple(numbers),
        left_out,
        tuple(n for n in numbers if n not in left_out and _is_counter(sample[n])),
        repeating,
        len(set(strings[key])) if key is not None else 0,
    )


def numeric(kind: Any) -> bool:
    """Return whether an Arrow type is numeric; a column of empty cells is, too."""
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _first(table: Table, kinds: dict[str, Any]) -> dict[str, Any]:
    if not kinds:
        return {}
    blocks: Iterator[Any] = table.batches(kinds, 0, SAMPLE_ROWS)
    block = next(blocks, None)
    return {} if block is None else {name: block.column(name) for name in kinds}


def _strings(sample: Mapping[str, Any], name: str) -> list[str]:
    return [str(value or "") for value in sample[name].to_pylist()] if name in sample else []


def _kind_name(kind: Any) -> str:
    if pa.types.is_temporal(kind):
        return "time"
    return "true or false" if pa.types.is_boolean(kind) else str(kind)


def _is_clock(name: str) -> bool:
    """Return whether a name is a clock or an index: ``time_s``, ``eventTime``, ``t (ps)``."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    if not name.strip() or _CLOCKS & set(parts):
        return True
    return bool(parts) and parts[0] in _SHORT and _UNITS.issuperset(parts[1:])


def _never_decreases(column: Any, groups: list[str] | None) -> bool:
    """Return whether a column increases and never decreases, within each group if given."""
    values, known = _numbers(column)
    if groups is None:
        return _rises(values[known])
    names = np.array(groups, dtype=object)[known]
    values = values[known]
    return values.size > 0 and all(_rises(values[names == name]) for name in dict.fromkeys(names))


def _rises(values: Array) -> bool:
    return values.size > 1 and bool((values[1:] >= values[:-1]).all() and values[-1] > values[0])


def _is_counter(column: Any) -> bool:
    values, known = _numbers(column)
    if known.sum() < MIN_COUNTER_ROWS or not known.all():
        return False
    return bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())


def _numbers(column: Any) -> tuple[Array, Array]:
    """Return the numbers of a column (integers keep all digits) and a mask of valid ones."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(column.type) or not len(column):
        return np.zeros(len(column)), np.zeros(len(column), dtype=bool)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
    return values, known & ~np.isnan(values.astype(np.float64))
