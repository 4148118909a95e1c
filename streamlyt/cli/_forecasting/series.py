"""Read a recorded table into complete series; missing values are handled by policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlyt.cli._detection.table import missing_values_error
from streamlyt.cli.error_handling import echo_status
from streamlyt.connectors import FileSource
from streamlyt.core import Array, Batch, Floats, Operator, Schema
from streamlyt.core.errors import DataError, FormatError
from streamlyt.transforms import MissingValues
from streamlyt.transforms.missing_values import Policy

__all__ = ["Series", "check_not_constant", "drop_time_columns", "read_series"]


@dataclass(frozen=True)
class Series:
    """All rows of one series: numbers (n,), times (n,), values (n, d)."""

    rows: Array
    times: Array
    values: Floats
    schema: Schema


def drop_time_columns(source: FileSource, title: str) -> FileSource:
    """Exclude counters, unless there is no other column."""
    counters = source.inferred_schema().counting
    counting = [name for name in source.schema.channel_names if name in counters]
    remaining = [name for name in source.schema.channel_names if name not in counting]
    if not counting or not remaining:
        return source
    excluded = ", ".join(counting)
    echo_status(
        f"{title}: Excluded counters: {excluded}. Name a timestamp column with --time-column."
    )
    return FileSource(
        source.path, columns=remaining, time_column=source.time_column, key_column=source.key_column
    )


def read_series(source: FileSource, missing: Policy, title: str) -> dict[str, Series]:
    """Read all rows of a table by series; the policy handles missing values."""
    fillers: dict[str, Operator] = {}
    parts: dict[str, list[tuple[Array, Batch]]] = {}
    counts: dict[str, int] = {}
    for batch, _ in source.read():
        key, first = batch.key, counts.get(batch.key, 0)
        counts[key] = first + batch.n_rows
        if missing != "raise":
            filler = fillers.setdefault(key, MissingValues(missing))
            n_read = sum(b.n_rows for _, b in parts.get(key, ()))
            batch, _ = filler.update(batch)
            numbers = [filler.input_index(n_read + i) for i in range(batch.n_rows)]
            parts.setdefault(key, []).append((np.array(numbers, np.int64), batch))
        elif not np.isfinite(batch.values).all():
            raise missing_values_error(source, title) or DataError(
                f"{title}: values must be finite"
            )
        else:
            parts.setdefault(key, []).append((np.arange(first, counts[key]), batch))
    if not any(batch.n_rows for blocks in parts.values() for _, batch in blocks):
        raise FormatError(f"{title}: a forecast needs rows, got none")
    return {key: _joined(blocks) for key, blocks in parts.items()}


def _joined(parts: Sequence[tuple[Array, Batch]]) -> Series:
    return Series(
        np.concatenate([numbers for numbers, _ in parts]),
        np.concatenate([batch.times for _, batch in parts]),
        np.concatenate([batch.values for _, batch in parts]),
        parts[0][1].schema,
    )


def check_not_constant(series: Series, title: str, values: Floats | None = None) -> None:
    """Raise a DataError if a channel is constant in all rows, or in ``values`` if given."""
    values = series.values if values is None else values
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if constant.size:
        raise DataError(
            f"{title}: {series.schema.channel_names[constant[0]]!r} must vary to be forecast, got "
            f"{values[0, constant[0]]:g} in all rows; select the other columns with --columns"
        )
