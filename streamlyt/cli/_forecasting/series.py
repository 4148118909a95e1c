"""A recorded table as whole series: read to its end, holes mended or refused."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlyt.cli._detection.table import holes_of
from streamlyt.cli.error_handling import echo_status
from streamlyt.connectors import FileSource
from streamlyt.core import Array, Batch, Floats, Operator, Schema
from streamlyt.core.errors import DataError, FormatError
from streamlyt.transforms import MissingValues
from streamlyt.transforms.missing_values import Policy

__all__ = ["Series", "check_not_constant", "drop_time_columns", "series_of"]


@dataclass(frozen=True)
class Series:
    """All rows of one series: numbers (n,), times (n,), values (n, d)."""

    rows: Array
    times: Array
    values: Floats
    schema: Schema


def drop_time_columns(source: FileSource, title: str) -> FileSource:
    """Leave out columns that only count, as long as there are others."""
    counting = [name for name in source.schema.channel_names if name in source.look().counting]
    rest = [name for name in source.schema.channel_names if name not in counting]
    if not counting or not rest:
        return source
    echo_status(f"{title}: left out {', '.join(counting)}, which only counts: --time names a clock")
    return FileSource(source.path, columns=rest, time=source.time, key=source.key)


def series_of(source: FileSource, missing: Policy, title: str) -> dict[str, Series]:
    """Read all rows of a table, by series; holes are refused, or mended as the policy says."""
    mends: dict[str, Operator] = {}
    parts: dict[str, list[tuple[Array, Batch]]] = {}
    counts: dict[str, int] = {}
    for batch, _ in source.read():
        key, first = batch.key, counts.get(batch.key, 0)
        counts[key] = first + batch.n_rows
        if missing != "stop":
            mend = mends.setdefault(key, MissingValues(missing))
            given = sum(b.n_rows for _, b in parts.get(key, ()))
            batch, _ = mend.update(batch)
            numbers = [mend.input_index(given + i) for i in range(batch.n_rows)]
            parts.setdefault(key, []).append((np.array(numbers, np.int64), batch))
        elif not np.isfinite(batch.values).all():
            raise holes_of(source, title) or DataError(f"{title}: values must be finite")
        else:
            parts.setdefault(key, []).append((np.arange(first, counts[key]), batch))
    if not any(batch.n_rows for each in parts.values() for _, batch in each):
        raise FormatError(f"{title}: a forecast needs rows, got none")
    return {key: _joined(each) for key, each in parts.items()}


def _joined(parts: Sequence[tuple[Array, Batch]]) -> Series:
    return Series(
        np.concatenate([numbers for numbers, _ in parts]),
        np.concatenate([batch.times for _, batch in parts]),
        np.concatenate([batch.values for _, batch in parts]),
        parts[0][1].schema,
    )


def check_not_constant(series: Series, title: str, values: Floats | None = None) -> None:
    """Raise a DataError where a channel has one value in all rows, or in those that are given."""
    values = series.values if values is None else values
    still = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if still.size:
        raise DataError(
            f"{title}: {series.schema.channel_names[still[0]]!r} must change to be forecast, got "
            f"{values[0, still[0]]:g} in all rows; name the other columns with --columns"
        )
