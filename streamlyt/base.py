"""The words of the house: what flows (Batch, Event), where from and to, and what works on it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.component import Component
from streamlyt.errors import DataError, ParameterError, in_series

__all__ = [
    "Array",
    "Batch",
    "Channel",
    "Component",
    "Event",
    "FeatureMap",
    "Floats",
    "Operator",
    "Position",
    "Schema",
    "Sink",
    "Source",
]

Array = NDArray[Any]
Floats = NDArray[np.float64]

Position = Mapping[str, int | float | str]
"""Where to go on reading: just AFTER the last row read. Small, and written as JSON."""

EVENT_VERSION = 1  # raised when a field of Event changes its meaning


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
        What the column belongs to (a residue, a machine): findings are summed over groups.
    """

    name: str
    unit: str = ""
    group: str = ""


@dataclass(frozen=True)
class Schema:
    """What the rows of a stream are; said once by the source.

    Parameters
    ----------
    channels
        The columns, in order, with unique names.
    time_unit
        Unit of ``Batch.times``: ``"ns"`` (since 1970), ``"fs"`` (simulations) or ``"step"``.
    row
        What one row is called in tables and messages (``"row"``, ``"frame"``).
    first_row, row_step
        Number of the first row in the source's own count, and from a row to the next: a reader
        of every tenth frame from frame 500 on says 500 and 10, and findings name those frames.

    Raises
    ------
    ParameterError
        If a channel name stands twice, or ``row_step`` is not positive.

    Examples
    --------
    >>> schema = Schema.of("temperature", "pressure", time_unit="ns")
    >>> schema.names, schema.width
    (('temperature', 'pressure'), 2)
    """

    channels: tuple[Channel, ...]
    time_unit: str = "step"
    row: str = "row"
    first_row: int = 0
    row_step: int = 1

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ParameterError(f"channel names must be unique, got {twice!r} more than once")
        if self.row_step < 1:
            raise ParameterError(f"row_step must be at least 1, got {self.row_step!r}")

    @classmethod
    def of(cls, *names: str, **rest: Any) -> Self:
        """Make a schema of plainly named channels; ``rest`` goes to the other fields."""
        return cls(tuple(Channel(name) for name in names), **rest)

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def width(self) -> int:
        """Number of channels d."""
        return len(self.channels)

    def row_number(self, index: int) -> int:
        """Return the source's own number of the row that was read as number ``index``."""
        return self.first_row + index * self.row_step

    def with_channels(self, channels: Sequence[Channel]) -> Self:
        """Return the same schema over other columns."""
        return replace(self, channels=tuple(channels))

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        fields = dict(record)
        fields["channels"] = tuple(Channel(**channel) for channel in fields["channels"])
        return cls(**fields)


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one series. Frozen, its arrays read-only; no rows at all is a heartbeat.

    Times never decrease within a batch. Where rows come out of order, a source hands them on as
    they came and begins a new batch wherever time goes back;
    :class:`~streamlyt.windows.Ordered` puts them in order.

    Parameters
    ----------
    key
        Name of the series; operators keep one memory a key.
    times
        Shape (n,), int64 in ``schema.time_unit``, never decreasing.
    values
        Shape (n, d), float64, C order.
    schema
        What the columns are.

    Raises
    ------
    DataError
        If shapes do not fit one another or the schema, or time goes back.

    Examples
    --------
    >>> Batch("a", [0, 1], [[1.0], [2.0]], Schema.of("x")).n
    2
    """

    key: str
    times: NDArray[np.int64]
    values: Floats
    schema: Schema

    def __post_init__(self) -> None:
        times = np.ascontiguousarray(self.times, dtype=np.int64).view()
        values = np.ascontiguousarray(self.values, dtype=np.float64).view()
        if values.ndim != 2 or values.shape != (times.size, self.schema.width) or times.ndim != 1:
            raise DataError(
                f"{in_series(self.key)}values must have shape ({times.size}, {self.schema.width}) "
                f"(rows of times, channels of the schema), got {values.shape!r}"
            )
        if times.size > 1 and (times[1:] < times[:-1]).any():
            at = int(np.argmax(times[1:] < times[:-1])) + 1
            raise DataError(
                f"{in_series(self.key)}time must never decrease, got {times[at - 1]} and then "
                f"{times[at]} {self.schema.time_unit} at row {at} of the batch; sort the rows first"
            )
        times.flags.writeable = values.flags.writeable = False
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.times.size

    def with_values(self, values: Floats, schema: Schema) -> "Batch":
        """Return the same rows in time with other columns."""
        return Batch(self.key, self.times, values, schema)

    def rows(self, start: int, stop: int) -> "Batch":
        """Return rows ``start`` to ``stop`` (not included)."""
        part = object.__new__(Batch)  # rows of what was checked need no check of their own
        for name, value in (
            ("key", self.key),
            ("times", self.times[start:stop]),
            ("values", self.values[start:stop]),
            ("schema", self.schema),
        ):
            object.__setattr__(part, name, value)
        return part


@dataclass(frozen=True)
class Event:
    """A finding: one a change. The same record in the run file, JSON lines and on every page.

    Parameters
    ----------
    key, detector
        Series, and name of the operator that found it.
    alarm_index, alarm_time
        Row (in the source's own count) and time at which the alarm was raised.
    change_index, change_time
        Row and time at which the change is estimated to have begun.
    statistic, threshold
        Their values at the alarm.
    channels, shares
        The channels that moved most and their shares of the whole movement (at most 1 in sum),
        largest first.
    time_unit
        Unit of both times.
    version
        Of this record.
    """

    key: str
    detector: str
    alarm_index: int
    alarm_time: int
    change_index: int
    change_time: int
    statistic: float
    threshold: float
    channels: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    time_unit: str = "step"
    version: int = EVENT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        DataError
            If the record is of a later version.
        """
        if record["version"] > EVENT_VERSION:
            raise DataError(
                f"this streamlyt reads events up to version {EVENT_VERSION}, "
                f"got version {record['version']!r}: install a newer streamlyt"
            )
        fields = dict(record)
        fields["channels"] = tuple(fields["channels"])
        fields["shares"] = tuple(fields["shares"])
        return cls(**fields)


class Source(Component, ABC):
    """Where rows come from: one outside system, read in order.

    Attributes
    ----------
    n_rows
        How many rows a whole reading gives, or None where nobody can know.
    """

    n_rows: int | None = None

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """What the rows are."""

    @abstractmethod
    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position | None]]:
        """Yield batches, each with the position just after it, from ``start`` on.

        The position is None where nobody can go on from: rows that came with these follow.

        Raises
        ------
        SourceError
            If the system cannot be read.
        """

    def close(self) -> None:
        """Let go of what is held open."""


class Sink(Component, ABC):
    """Where rows and findings go."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Take rows."""

    @abstractmethod
    def record(self, event: Event) -> None:
        """Take a finding."""

    @abstractmethod
    def flush(self) -> None:
        """Return when all that was taken is durable.

        Raises
        ------
        SinkError
            If it cannot be; the checkpoint is then given up and nothing is committed.
        """

    def close(self) -> None:
        """Flush, and let go of what is held open."""


class Operator(Component, ABC):
    """One step of a pipeline over one series, with all its memory in ``state``.

    Attributes
    ----------
    state
        Name -> array. Empty before the first row. Assign a saved one to go on from there.
    """

    state: dict[str, Array]

    @abstractmethod
    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb rows; return what goes on downstream, and the findings.

        The stream may be cut into batches anywhere: the rows that come out are the same, bit for
        bit. A heartbeat (no rows) leaves no trace.
        """

    def finish(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Absorb the last rows of the series, and give up all that was held back for others.

        Called once, when the source has come to its end; no rows follow. An operator that holds
        nothing back has nothing more to say than :meth:`update`.
        """
        return self.update(batch)

    def aside(self) -> list[Batch]:
        """Return rows that the last update neither absorbed nor gave on: those that were late."""
        return []

    def adjust(self) -> None:
        """Bring ``state``, made under other ``free`` parameters, in line with those of now."""

    def came_from(self, index: int) -> int:
        """Return which of the rows that it took the row is that it gave on as number ``index``.

        Both numbers count from 0 in this series. An operator that leaves rows out says it here,
        so that findings name rows of the source; all others give on every row.
        """
        return index


class FeatureMap(Component, ABC):
    r"""A random-feature map :math:`\phi` with :math:`E[\phi_j(x) \phi_j(y)] \cdot m = k(x, y)`.

    It has no memory. The same seed is the same map on every machine, up to rounding, and gives a
    row the same features, bit for bit, in every cut of the rows.

    Attributes
    ----------
    n_components
        Number of features m.
    scale
        Factor on the inputs: the map is :math:`x \mapsto \phi(\mathrm{scale} \cdot x)`.
    """

    n_components: int
    scale: float

    @abstractmethod
    def __call__(self, values: Array) -> Array:
        """Return the features, shape (n, m), of ``values``, shape (n, d)."""

    @abstractmethod
    def kernel(self, x: Array, y: Array) -> Floats:
        """Return the closed-form kernel, shape (n, p), of ``x`` (n, d) and ``y`` (p, d)."""

    @abstractmethod
    def variance(self, x: Array, y: Array) -> Floats:
        """Return the variance of m times one feature product, shape (n, p)."""

    def with_scale(self, scale: float) -> Self:
        """Return the same map with its inputs multiplied by ``scale`` once more."""
        return type(self)(**{**self.params(), "scale": self.scale * scale})
