"""Rows of one series, with their schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, ParameterError, series_prefix
from .numerics.arrays import Floats

__all__ = ["Batch", "Channel", "Schema", "example_batch", "split_unordered"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a stream.

    Parameters
    ----------
    name
        Unique within its schema.
    unit
        Unit of the values, empty when they have none.
    group
        What the column belongs to (a residue, a machine): attribution is summed over groups.
    """

    name: str
    unit: str = ""
    group: str = ""


@dataclass(frozen=True)
class Schema:
    """Columns and units of a stream, stated once by the source.

    Parameters
    ----------
    channels
        The columns, in order, with unique names.
    time_unit
        Unit of ``Batch.times``: ``"ns"`` (since 1970), ``"fs"`` (simulations) or ``"step"``.
    row_label
        What one row is called in tables and messages (``"row"``, ``"frame"``).
    first_row, row_step
        Number of the first row in the source's own count, and the increment per row: a reader of
        every tenth frame from frame 500 on states 500 and 10, and events name those frames.

    Raises
    ------
    ParameterError
        If a channel name is repeated, or ``row_step`` is not positive.

    Examples
    --------
    >>> schema = Schema.of("temperature", "pressure", time_unit="ns")
    >>> schema.channel_names, schema.n_channels
    (('temperature', 'pressure'), 2)
    """

    channels: tuple[Channel, ...]
    time_unit: str = "step"
    row_label: str = "row"
    first_row: int = 0
    row_step: int = 1

    def __post_init__(self) -> None:
        names = self.channel_names
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ParameterError(f"channel names must be unique, got {twice!r} more than once")
        if self.row_step < 1:
            raise ParameterError(f"row_step must be at least 1, got {self.row_step!r}")

    @classmethod
    def of(cls, *names: str, **fields: Any) -> Self:
        """Return a schema of channels without unit or group; ``fields`` sets the other fields."""
        return cls(tuple(Channel(name) for name in names), **fields)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Channel names in order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def n_channels(self) -> int:
        """Number of channels d."""
        return len(self.channels)

    def source_row(self, index: int) -> int:
        """Return the source's own number of the row with index ``index`` in the stream."""
        return self.first_row + index * self.row_step

    def with_channels(self, channels: Sequence[Channel]) -> Self:
        """Return the same schema with other channels."""
        return replace(self, channels=tuple(channels))

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        fields = dict(record)
        if "row" in fields:  # the name in run files of formats 1 and 2
            fields["row_label"] = fields.pop("row")
        fields["channels"] = tuple(Channel(**channel) for channel in fields["channels"])
        return cls(**fields)


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one series. Frozen, its arrays read-only; no rows at all is a heartbeat.

    Times never decrease within a batch. A source of unordered rows passes them on in their order
    of arrival and starts a new batch wherever the time decreases;
    :class:`~streamlyt.transforms.Reorder` sorts them.

    Parameters
    ----------
    key
        Name of the series; operators keep one state for each key.
    times
        Shape (n,), int64 in ``schema.time_unit``, never decreasing.
    values
        Shape (n, d), float64, C order.
    schema
        Channels and units of the columns.

    Raises
    ------
    DataError
        If shapes do not match each other or the schema, or the time decreases.

    Examples
    --------
    >>> Batch("a", [0, 1], [[1.0], [2.0]], Schema.of("x")).n_rows
    2
    """

    key: str
    times: NDArray[np.int64]
    values: Floats
    schema: Schema

    def __post_init__(self) -> None:
        times = np.ascontiguousarray(self.times, dtype=np.int64).view()
        values = np.ascontiguousarray(self.values, dtype=np.float64).view()
        if (
            values.ndim != 2
            or values.shape != (times.size, self.schema.n_channels)
            or times.ndim != 1
        ):
            raise DataError(
                f"{series_prefix(self.key)}values must have shape "
                f"({times.size}, {self.schema.n_channels}) (rows of times, channels of the "
                f"schema), got {values.shape!r}"
            )
        if times.size > 1 and (times[1:] < times[:-1]).any():
            row = int(np.argmax(times[1:] < times[:-1])) + 1
            raise DataError(
                f"{series_prefix(self.key)}time must never decrease, got {times[row - 1]} and then "
                f"{times[row]} {self.schema.time_unit} at row {row} of the batch; "
                f"sort the rows first"
            )
        times.flags.writeable = values.flags.writeable = False
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.times.size

    def with_values(self, values: Floats, schema: Schema) -> "Batch":
        """Return a batch of the same key and times with other columns."""
        return Batch(self.key, self.times, values, schema)

    def slice(self, start: int, stop: int) -> "Batch":
        """Return rows ``start`` to ``stop`` (exclusive)."""
        part = object.__new__(Batch)  # rows of a checked batch need no second check
        for name, value in (
            ("key", self.key),
            ("times", self.times[start:stop]),
            ("values", self.values[start:stop]),
            ("schema", self.schema),
        ):
            object.__setattr__(part, name, value)
        return part


def split_unordered(
    key: str, times: NDArray[np.int64], values: Floats, schema: Schema
) -> Iterator[Batch]:
    """Yield the rows in their order of arrival; start a new batch wherever the time decreases."""
    decreases = times[1:] < times[:-1]
    if len(times) and not decreases.any():
        yield Batch(key, times, values, schema)
        return
    starts = (np.flatnonzero(decreases) + 1).tolist()
    for start, end in zip([0, *starts], [*starts, len(times)], strict=True):
        if end > start:
            yield Batch(key, times[start:end], values[start:end], schema)


def example_batch(n: int = 600) -> Batch:
    """Return seeded noise of three channels whose mean shifts after two thirds of the rows."""
    values = np.random.default_rng(0).normal(size=(n, 3))
    values[2 * n // 3 :] += 4.0
    return Batch("example", np.arange(n) * 5, values, Schema.of("x", "y", "z"))
