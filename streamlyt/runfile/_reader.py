"""Read access to the run file: keys, events, rows and downsampled rows."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, DeadLetter, Event, Floats, Schema
from streamlyt.core.errors import ParameterError, unknown_name_error

from ._chunks import decode
from ._database import read_meta, reading
from ._downsampling import BUCKET
from ._series_writer import INTS, TABLES, SeriesLayout
from ._side_outputs import read_dead_letters, read_late_rows

__all__ = ["SERIES", "DownsampledSeries", "RunReader", "event_row"]

SERIES = "series:"  # prefix of the entries of meta that describe a series
_AT_MOST = 8  # times the requested points are read from a level; else from the level above
# The last chunk of the rows of a series, without a scan of the others.
_NEWEST = "WHERE key = ? AND level = 0 ORDER BY first_row DESC LIMIT 1"
_EVENT = (
    "version, key, detector, alarm_index, alarm_time, change_index, change_time, statistic, "
    "threshold, channels, shares, time_unit"
)


@dataclass(frozen=True)
class DownsampledSeries:
    """Downsampled rows of a series: p buckets of c channels.

    Parameters
    ----------
    rows, times
        Shape (p,): number and time of the first row of each bucket.
    minimum, maximum, mean
        Shape (p, c), without missing values; NaN only if all values of a bucket are missing.
    """

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    minimum: Floats
    maximum: Floats
    mean: Floats


class RunReader:
    """Read access to a run file, also while another process writes it."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    @property
    def meta(self) -> dict[str, Any]:
        """Facts of the run: ``format``, ``pipeline`` (TOML), ``streamlyt`` (version), ``created``.

        Its progress: ``step`` (number of the checkpoint), ``rows`` (read from the source),
        ``seconds``, ``complete``, ``learning`` (warm-up rows of a series).
        """
        with reading(self._db, self.path):
            return {n: v for n, v in read_meta(self._db).items() if not n.startswith(SERIES)}

    def keys(self) -> list[str]:
        """Return the names of the series, in the order of their first rows."""
        rows = self._rows("SELECT name FROM meta WHERE name GLOB ? ORDER BY rowid", (SERIES + "*",))
        return [name.removeprefix(SERIES) for (name,) in rows]

    def schema(self, key: str) -> Schema:
        """Return the schema of a series."""
        return self._layout_of(key).schema

    def raw_channels(self, key: str) -> tuple[str, ...]:
        """Return the channels of a series stored row by row; all are stored from level 1 on."""
        return self._layout_of(key).full

    def first_retained_row(self, key: str) -> int:
        """Return the number of the first retained row of a series."""
        self._layout_of(key)
        (first,) = self._rows(
            "SELECT min(first_row) FROM chunks WHERE key = ? AND level = 0", (key,)
        )[0]
        return 0 if first is None else int(first)

    def n_rows(self, key: str) -> int:
        """Return the number of saved rows of a series, deleted rows included."""
        self._layout_of(key)
        last = self._rows(f"SELECT last_row FROM chunks {_NEWEST}", (key,))
        return int(last[0][0]) + 1 if last else 0

    def row_counts(self) -> dict[str, tuple[int, int]]:
        """Return for every series its number of saved rows and the time of the last (or 0)."""
        rows = self._rows(
            "SELECT name, (SELECT last_row FROM chunks "
            f"{_NEWEST.replace('?', 'substr(name, ?1)')}), (SELECT last_time FROM chunks "
            f"{_NEWEST.replace('?', 'substr(name, ?1)')}) FROM meta WHERE name GLOB ?2 "
            "ORDER BY meta.rowid",
            (len(SERIES) + 1, SERIES + "*"),
        )
        return {
            name.removeprefix(SERIES): (0, 0) if last is None else (last + 1, time)
            for name, last, time in rows
        }

    def data_version(self) -> int:
        """Return a number that changes with every write of another process."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def events(self, key: str | None = None, start: int = 0) -> list[Event]:
        """Return the events of one series or of all, in order.

        The first ``start`` events of the run are skipped.
        """
        where, values = ("", (start,)) if key is None else (" AND key = ?", (start, key))
        rows = self._rows(
            f"SELECT {_EVENT} FROM events WHERE number >= ?{where} ORDER BY number", values
        )
        return [_event(row) for row in rows]

    def dead_letters(self, redriven: bool = False) -> list[DeadLetter]:
        """Return the dead letters; with ``redriven``, those already redriven too."""
        with reading(self._db, self.path):
            return read_dead_letters(self._db, redriven)

    def late_rows(self) -> list[Batch]:
        """Return the late rows, in the order of arrival."""
        with reading(self._db, self.path):
            return read_late_rows(self._db)

    def position(self, source: str) -> dict[str, int | float | str] | None:
        """Return the saved position of a source, None if there is none."""
        rows = self._rows("SELECT position FROM positions WHERE source = ?", (source,))
        position: dict[str, int | float | str] | None = json.loads(rows[0][0]) if rows else None
        return position

    def columns(
        self, key: str, names: Sequence[str] | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return the rows of a series: times (n,), and the values (n, c) of some channels.

        Parameters
        ----------
        key
            The series.
        names
            The channels; None for all that are stored row by row.
        start, stop
            From row ``start`` up to row ``stop`` (exclusive); None for the end. Rows that are no
            longer retained are skipped.

        Raises
        ------
        ParameterError
            If there is no such series or channel, or a channel is not stored row by row.
        """
        with reading(self._db, self.path):
            series = self._layout_of(key)
            channels = _indices(series, series.full if names is None else names, 0)
            ints, (values,) = self._level(key, series, 0, channels, (start, stop))
        return ints[:, 0], values

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledSeries:
        """Return rows downsampled to at most about ``points`` buckets.

        They are read from the finest level with few enough rows, so the cost does not depend on
        the length of the series. Buckets start at multiples of their size, so the first may start
        before ``start``. The first retained row stands for those before it.

        Parameters
        ----------
        key
            The series.
        names
            The channels; None for all that are stored row by row.
        points
            Requested number of buckets.
        start, stop
            From row ``start`` up to row ``stop`` (exclusive); None for the end.

        Raises
        ------
        ParameterError
            If there is no such series or channel.
        """
        if points < 1:
            raise ParameterError(f"points must be at least 1, got {points!r}")
        with reading(self._db, self.path):
            series = self._layout_of(key)
            stop = self.n_rows(key) if stop is None else min(stop, self.n_rows(key))
            start = max(start, self.first_retained_row(key))
            stop = max(stop, start + 1) if stop > 0 else stop
            names = series.full if names is None else names
            level = 0 if set(names) <= set(series.full) else 1
            while -(-(stop - start) // BUCKET**level) > _AT_MOST * points:
                level += 1
            channels = _indices(series, names, level)
            ints, tables = self._level(key, series, level, channels, (start, stop))
        if level == 0:
            numbers = np.arange(start, start + len(ints))
            ints = np.column_stack([numbers, np.ones_like(numbers), ints[:, 0]])
            tables = tables * 3
        group = -(-len(ints) // points)
        return _grouped(ints, tables, group * BUCKET**level if group > 1 else 0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with reading(self._db, self.path):
            return self._db.execute(query, values).fetchall()

    def _layout_of(self, key: str) -> SeriesLayout:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (SERIES + key,))
        if not rows:
            raise unknown_name_error(f"series of {self.path.name}", key, self.keys())
        return SeriesLayout.from_dict(json.loads(rows[0][0]))

    def _level(
        self,
        key: str,
        series: SeriesLayout,
        level: int,
        channels: list[int],
        span: tuple[int, int | None],
    ) -> tuple[NDArray[np.int64], list[Floats]]:
        """Return the integer columns (n, i) of a level, and its tables (n, c) of channels."""
        start, stop = max(0, span[0]), 2**62 if span[1] is None else span[1]
        layout = series.columns(level)
        columns, positions = layout.positions(channels)
        n_ints, tables = (len(INTS), len(TABLES)) if level else (1, 1)
        blocks = len(layout.starts)
        fields = [n_ints + t * blocks + column for t in range(tables) for column in columns]
        parts: list[tuple[NDArray[np.int64], list[Floats]]] = []
        for first, blob in self._db.execute(
            "SELECT first_row, columns FROM chunks WHERE key = ?1 AND level = ?2 "
            "AND first_row < ?3 AND last_row >= ?4 AND first_row >= coalesce((SELECT first_row "
            "FROM chunks WHERE key = ?1 AND level = ?2 AND first_row <= ?4 "
            "ORDER BY first_row DESC LIMIT 1), 0) ORDER BY first_row",
            (key, level, stop, start),
        ):
            where = f"{self.path}: series {key!r}, level {level}, row {first}"
            decoded = decode(blob, [*range(n_ints), *fields], where)
            ints = np.column_stack(decoded[:n_ints])
            if level:
                inside = (ints[:, 0] < stop) & (ints[:, 0] + ints[:, 1] > start)
                rows = slice(int(inside.argmax()), int(inside.argmax() + inside.sum()))
            else:
                rows = slice(max(0, start - first), stop - first)
            selected = []
            for table in range(tables):
                blocks_of_table = decoded[n_ints + table * len(columns) :]
                values = np.empty((len(ints[rows]), len(positions)))
                for i, (column, position) in enumerate(positions):
                    values[:, i] = blocks_of_table[column][rows, position]
                selected.append(values)
            parts.append((ints[rows], selected))
        if not parts:
            return np.empty((0, n_ints), np.int64), [np.empty((0, len(channels)))] * tables
        return np.concatenate([ints for ints, _ in parts]), [
            np.concatenate([selected[t] for _, selected in parts]) for t in range(tables)
        ]


def event_row(number: int, event: Event) -> tuple[Any, ...]:
    """Return an event as a row of its table."""
    record = event.to_dict() | {
        "channels": json.dumps(event.channels),
        "shares": json.dumps(event.contributions),  # the column keeps its name in every format
    }
    return number, *(record[name] for name in _EVENT.split(", "))


def _event(row: Sequence[Any]) -> Event:
    record = dict(zip(_EVENT.split(", "), row, strict=True))
    for name in ("statistic", "threshold"):  # SQLite has no NaN
        record[name] = np.nan if record[name] is None else record[name]
    for name in ("channels", "shares"):
        record[name] = json.loads(record[name])
    return Event.from_dict(record)


def _indices(series: SeriesLayout, names: Sequence[str], level: int) -> list[int]:
    stored = series.full if level == 0 else series.schema.channel_names
    indices = {name: i for i, name in enumerate(stored)}
    for name in names:
        if name not in series.schema.channel_names:
            raise unknown_name_error("channel", name, list(series.schema.channel_names))
        if name not in indices:
            raise ParameterError(
                f"channel must be stored row by row to be read by rows, got {name!r}, which is "
                f"stored from level 1 on; call downsample()"
            )
    return [indices[name] for name in names]


def _grouped(ints: NDArray[np.int64], tables: list[Floats], size: int) -> DownsampledSeries:
    """Combine rows of a level into buckets that start at multiples of ``size`` rows."""
    low, high, mean = tables
    if not size or not len(ints):
        return DownsampledSeries(ints[:, 0], ints[:, 2], low, high, mean)
    starts = np.flatnonzero(np.diff(ints[:, 0] // size, prepend=-1))
    weights = np.where(np.isnan(mean), 0.0, ints[:, 1:2].astype(np.float64))
    count = np.add.reduceat(weights, starts, axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        total = np.add.reduceat(np.where(np.isnan(mean), 0.0, mean * weights), starts, axis=0)
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return DownsampledSeries(
        ints[starts, 0],
        ints[starts, 2],
        np.fmin.reduceat(low, starts, axis=0),
        np.fmax.reduceat(high, starts, axis=0),
        mean,
    )
