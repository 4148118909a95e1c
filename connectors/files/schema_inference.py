"""What the first rows of a table say of its columns: numbers, clocks, counters, series, text."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.core import Array

from .text_readers import Table

__all__ = ["InferredSchema", "infer_schema", "numeric"]

ROWS = 4096  # looked at; of CSV the first megabyte
FEWEST = 8  # rows of which "only ever up" says anything
MOST_SERIES = 50  # values of a text column that may name series
REPEATED = 4  # rows a value at least, on average

_UNITS = frozenset(("s", "sec", "secs", "seconds", "ms", "us", "ns", "ps", "fs", "min", "h", "utc"))
_CLOCKS = frozenset(("time", "times", "timestamp", "timestamps", "datetime", "date", "unnamed"))
_SHORT = frozenset(("t", "ts", "index", "idx"))  # clocks where nothing but a unit follows
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class InferredSchema:
    """What the columns of a table are, as its first rows show them.

    Parameters
    ----------
    rows
        How many rows were looked at.
    numeric
        Columns of numbers, but time and key.
    left_out
        Column -> why nobody should watch it: what it holds instead of measured numbers.
    counting
        Columns of ``numeric`` that only ever rise or fall, and are not called like a clock.
    repeating
        Columns of text with few values, each of many rows -> how many: they may name series.
    series
        How many series the key names in these rows; 0 without a key.
    """

    rows: int
    numeric: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    counting: tuple[str, ...] = ()
    repeating: Mapping[str, int] = field(default_factory=dict)
    series: int = 0


def infer_schema(table: Table, time: str | None, key: str | None) -> InferredSchema | None:
    """Look at the first rows of a table, None where it has none.

    ``time`` and ``key`` are the columns chosen for these.
    """
    kinds = table.kinds
    numbers = [n for n, kind in kinds.items() if numeric(kind) and n not in (time, key)]
    texts = [n for n, kind in kinds.items() if pa.types.is_string(kind) and n not in (time, key)]
    wanted = [*numbers, *texts, *([key] if key is not None else [])]
    seen = _first(table, {name: kinds[name] for name in wanted})
    if wanted and not seen:
        return None
    words = {name: _words(seen, name) for name in [*texts, *([key] if key is not None else [])]}
    rows = len(next(iter(seen.values()))) if seen else 0
    few = {n: len(set(words[n])) for n in texts}
    repeating = {
        n: count
        for n, count in few.items()
        if 2 <= count <= MOST_SERIES and count * REPEATED <= rows
    }
    groups = [None, *(words[n] for n in ([key] if key is not None else repeating))]
    left_out = {}
    for name, kind in kinds.items():
        if name in texts:
            commas = [bool(_DECIMAL_COMMA.fullmatch(word)) for word in words[name] if word]
            left_out[name] = "text with decimal commas" if commas and all(commas) else "text"
        elif name in numbers:
            if _is_clock(name) and any(_never_back(seen[name], group) for group in groups):
                left_out[name] = "time"
        elif name not in (time, key):
            left_out[name] = _other(kind)
    return InferredSchema(
        rows,
        tuple(numbers),
        left_out,
        tuple(n for n in numbers if n not in left_out and _counts(seen[n])),
        repeating,
        len(set(words[key])) if key is not None else 0,
    )


def numeric(kind: Any) -> bool:
    """Tell whether an Arrow type is one of numbers; of nothing but empty cells, too."""
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
    blocks: Iterator[Any] = table.batches(kinds, 0, ROWS)
    block = next(blocks, None)
    return {} if block is None else {name: block.column(name) for name in kinds}


def _words(seen: Mapping[str, Any], name: str) -> list[str]:
    return [str(each or "") for each in seen[name].to_pylist()] if name in seen else []


def _other(kind: Any) -> str:
    if pa.types.is_temporal(kind):
        return "time"
    return "true or false" if pa.types.is_boolean(kind) else str(kind)


def _is_clock(name: str) -> bool:
    """Tell whether a name is that of a clock or an index: ``time_s``, ``eventTime``, ``t (ps)``."""
    parts = [each.lower() for each in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    if not name.strip() or _CLOCKS & set(parts):
        return True
    return bool(parts) and parts[0] in _SHORT and _UNITS.issuperset(parts[1:])


def _never_back(column: Any, groups: list[str] | None) -> bool:
    """Tell whether a column goes forwards and never back, within each group if there are any."""
    values, known = _numbers(column)
    if groups is None:
        return _rises(values[known])
    names = np.array(groups, dtype=object)[known]
    values = values[known]
    return values.size > 0 and all(_rises(values[names == name]) for name in dict.fromkeys(names))


def _rises(values: Array) -> bool:
    return values.size > 1 and bool((values[1:] >= values[:-1]).all() and values[-1] > values[0])


def _counts(column: Any) -> bool:
    values, known = _numbers(column)
    if known.sum() < FEWEST or not known.all():
        return False
    return bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())


def _numbers(column: Any) -> tuple[Array, Array]:
    """Return a column's numbers as they are (whole ones keep every digit), and which are known."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(column.type) or not len(column):
        return np.zeros(len(column)), np.zeros(len(column), dtype=bool)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values = np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False))
    return values, known & ~np.isnan(values.astype(np.float64))
