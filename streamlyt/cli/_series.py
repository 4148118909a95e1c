"""A recorded table as whole series: read to its end, holes mended or refused."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlyt.base import Array, Batch, Floats, Operator, Schema
from streamlyt.cli._guard import say
from streamlyt.cli._table import holes_of
from streamlyt.connectors import FileSource
from streamlyt.errors import DataError, FormatError
from streamlyt.observables import Missing
from streamlyt.observables.missing import Policy

__all__ = ["Series", "refuse_still", "series_of", "without_clocks"]


@dataclass(frozen=True)
class Series:
    """All rows of one series: numbers (n,), times (n,), values (n, d)."""

    rows: Array
    times: Array
    values: Floats
    schema: Schema


def without_clocks(source: FileSource, title: str) -> FileSource:
    """Leave out columns that only count, as long as there are others."""
    counting = [name for name in source.schema.names if name in source.look().counting]
    rest = [name for name in source.schema.names if name not in counting]
    if not counting or not rest:
        return source
    say(f"{title}: left out {', '.join(counting)}, which only counts: --time names a clock")
    return FileSource(source.path, columns=rest, time=source.time, key=source.key)


def series_of(source: FileSource, missing: Policy, title: str) -> dict[str, Series]:
    """Read all rows of a table, by series; holes are refused, or mended as the policy says."""
    mends: dict[str, Operator] = {}
    parts: dict[str, list[tuple[Array, Batch]]] = {}
    counts: dict[str, int] = {}
    for batch, _ in source.read():
        key, first = batch.key, counts.get(batch.key, 0)
        counts[key] = first + batch.n
        if missing != "stop":
            mend = mends.setdefault(key, Missing(missing))
            given = sum(b.n for _, b in parts.get(key, ()))
            batch, _ = mend.update(batch)
            numbers = [mend.came_from(given + i) for i in range(batch.n)]
            parts.setdefault(key, []).append((np.array(numbers, np.int64), batch))
        elif not np.isfinite(batch.values).all():
            raise holes_of(source, title) or DataError(f"{title}: values must be finite")
        else:
            parts.setdefault(key, []).append((np.arange(first, counts[key]), batch))
    if not any(batch.n for each in parts.values() for _, batch in each):
        raise FormatError(f"{title}: a forecast needs rows, got none")
    return {key: _joined(each) for key, each in parts.items()}


def _joined(parts: Sequence[tuple[Array, Batch]]) -> Series:
    return Series(
        np.concatenate([numbers for numbers, _ in parts]),
        np.concatenate([batch.times for _, batch in parts]),
        np.concatenate([batch.values for _, batch in parts]),
        parts[0][1].schema,
    )


def refuse_still(series: Series, title: str, values: Floats | None = None) -> None:
    """Raise a DataError where a channel has one value in all rows, or in those that are given."""
    values = series.values if values is None else values
    still = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if still.size:
        raise DataError(
            f"{title}: {series.schema.names[still[0]]!r} must change to be forecast, got "
            f"{values[0, still[0]]:g} in all rows; name the other columns with --columns"
        )
