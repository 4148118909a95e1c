"""The run file as readers see it: keys, events, rows, and rows drawn together for a zoom."""

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
from ._dead_letters import read_letters
from ._downsampling import BUCKET
from ._late_rows import read_late
from ._series_writer import INTS, TABLES, SeriesLayout

__all__ = ["SERIES", "DownsampledSeries", "RunReader", "event_row"]

SERIES = "series:"  # what the entries of meta that describe a series begin with
_AT_MOST = 8  # times as many rows as asked for are read and drawn together; more are one level up
# The last chunk of a series' rows: of a long one the others are not even looked at.
_NEWEST = "WHERE key = ? AND level = 0 ORDER BY first_row DESC LIMIT 1"
_EVENT = (
    "version, key, detector, alarm_index, alarm_time, change_index, change_time, statistic, "
    "threshold, channels, shares, time_unit"
)


@dataclass(frozen=True)
class DownsampledSeries:
    """Rows of a series drawn together: p buckets of the c channels asked for.

    Parameters
    ----------
    rows, times
        Shape (p,): number and time of the first row of each bucket.
    minimum, maximum, mean
        Shape (p, c), holes (NaN) left out; NaN only where a bucket holds nothing else.
    """

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    minimum: Floats
    maximum: Floats
    mean: Floats


class RunReader:
    """What everyone may do with a run file, also while another process writes it."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db

    @property
    def meta(self) -> dict[str, Any]:
        """What the run is: ``format``, ``pipeline`` (TOML), ``streamlyt`` (version), ``created``.

        And how far it is: ``step`` (number of the checkpoint), ``rows`` (taken from the source),
        ``seconds``, ``complete``, ``learning`` (rows of a series before an alarm is possible).
        """
        with reading(self._db, self.path):
            return {n: v for n, v in read_meta(self._db).items() if not n.startswith(SERIES)}

    def keys(self) -> list[str]:
        """Return the names of the series, in the order in which they began."""
        rows = self._rows("SELECT name FROM meta WHERE name GLOB ? ORDER BY rowid", (SERIES + "*",))
        return [name.removeprefix(SERIES) for (name,) in rows]

    def schema(self, key: str) -> Schema:
        """Return what the rows of a series are."""
        return self._kept(key).schema

    def raw_channels(self, key: str) -> tuple[str, ...]:
        """Return the channels of a series that are kept row by row; all are from level 1 on."""
        return self._kept(key).full

    def first_retained_row(self, key: str) -> int:
        """Return the number of the first row of a series that is still kept."""
        self._kept(key)
        (first,) = self._rows(
            "SELECT min(first_row) FROM chunks WHERE key = ? AND level = 0", (key,)
        )[0]
        return 0 if first is None else int(first)

    def n_rows(self, key: str) -> int:
        """Return how many rows of a series were saved, those let go of since among them."""
        self._kept(key)
        last = self._rows(f"SELECT last_row FROM chunks {_NEWEST}", (key,))
        return int(last[0][0]) + 1 if last else 0

    def row_counts(self) -> dict[str, tuple[int, int]]:
        """Return of every series how many rows of it are saved, and the time of the last (or 0)."""
        found = self._rows(
            "SELECT name, (SELECT last_row FROM chunks "
            f"{_NEWEST.replace('?', 'substr(name, ?1)')}), (SELECT last_time FROM chunks "
            f"{_NEWEST.replace('?', 'substr(name, ?1)')}) FROM meta WHERE name GLOB ?2 "
            "ORDER BY meta.rowid",
            (len(SERIES) + 1, SERIES + "*"),
        )
        return {
            name.removeprefix(SERIES): (0, 0) if last is None else (last + 1, time)
            for name, last, time in found
        }

    def data_version(self) -> int:
        """Return a number that is another one whenever something was written since it was asked."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def events(self, key: str | None = None, start: int = 0) -> list[Event]:
        """Return the findings, in one series or in all, in the order in which they were made.

        Of all that the run holds the first ``start`` are left out.
        """
        where, values = ("", (start,)) if key is None else (" AND key = ?", (start, key))
        rows = self._rows(
            f"SELECT {_EVENT} FROM events WHERE number >= ?{where} ORDER BY number", values
        )
        return [_event(row) for row in rows]

    def dead_letters(self, redriven: bool = False) -> list[DeadLetter]:
        """Return the messages that could not be decoded, also those ``redriven`` if asked for."""
        with reading(self._db, self.path):
            return read_letters(self._db, redriven)

    def late_rows(self) -> list[Batch]:
        """Return the rows that came too late to be put in order, as they came."""
        with reading(self._db, self.path):
            return read_late(self._db)

    def position(self, source: str) -> dict[str, int | float | str] | None:
        """Return where to go on reading a source, None if nothing was saved."""
        rows = self._rows("SELECT position FROM positions WHERE source = ?", (source,))
        found: dict[str, int | float | str] | None = json.loads(rows[0][0]) if rows else None
        return found

    def columns(
        self, key: str, names: Sequence[str] | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return rows as they came: times (n,), and the values (n, c) of some channels.

        Parameters
        ----------
        key
            The series.
        names
            The channels; None for all that are kept row by row.
        start, stop
            From row ``start`` up to, not including, row ``stop``; None for the last. Rows that
            are no longer kept are left out.

        Raises
        ------
        ParameterError
            If there is no such series or channel, or a channel is not kept row by row.
        """
        with reading(self._db, self.path):
            kept = self._kept(key)
            channels = _places(kept, kept.full if names is None else names, 0)
            ints, (values,) = self._level(key, kept, 0, channels, (start, stop))
        return ints[:, 0], values

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledSeries:
        """Return rows drawn together to at most about ``points`` buckets.

        They are read from the finest level that has few enough: how long a series is decides
        nothing. Buckets begin at multiples of their size, the first perhaps before ``start``. The
        first row that is still kept stands for those before it.

        Parameters
        ----------
        key
            The series.
        names
            The channels; None for all that are kept row by row.
        points
            Buckets wanted.
        start, stop
            From row ``start`` up to, not including, row ``stop``; None for the last.

        Raises
        ------
        ParameterError
            If there is no such series or channel.
        """
        if points < 1:
            raise ParameterError(f"points must be at least 1, got {points!r}")
        with reading(self._db, self.path):
            kept = self._kept(key)
            stop = self.n_rows(key) if stop is None else min(stop, self.n_rows(key))
            start = max(start, self.first_retained_row(key))
            stop = max(stop, start + 1) if stop > 0 else stop
            names = kept.full if names is None else names
            level = 0 if set(names) <= set(kept.full) else 1
            while -(-(stop - start) // BUCKET**level) > _AT_MOST * points:
                level += 1
            channels = _places(kept, names, level)
            ints, tables = self._level(key, kept, level, channels, (start, stop))
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

    def _kept(self, key: str) -> SeriesLayout:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (SERIES + key,))
        if not rows:
            raise unknown_name_error(f"series of {self.path.name}", key, self.keys())
        return SeriesLayout.from_dict(json.loads(rows[0][0]))

    def _level(
        self,
        key: str,
        kept: SeriesLayout,
        level: int,
        channels: list[int],
        span: tuple[int, int | None],
    ) -> tuple[NDArray[np.int64], list[Floats]]:
        """Return the whole-number columns (n, i) of a level, and its tables (n, c) of channels."""
        start, stop = max(0, span[0]), 2**62 if span[1] is None else span[1]
        layout = kept.layout(level)
        columns, places = layout.places(channels)
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
            got = decode(blob, [*range(n_ints), *fields], where)
            ints = np.column_stack(got[:n_ints])
            if level:
                wanted = (ints[:, 0] < stop) & (ints[:, 0] + ints[:, 1] > start)
                rows = slice(int(wanted.argmax()), int(wanted.argmax() + wanted.sum()))
            else:
                rows = slice(max(0, start - first), stop - first)
            found = []
            for table in range(tables):
                own = got[n_ints + table * len(columns) :]
                picked = np.empty((len(ints[rows]), len(places)))
                for at, (column, place) in enumerate(places):
                    picked[:, at] = own[column][rows, place]
                found.append(picked)
            parts.append((ints[rows], found))
        if not parts:
            return np.empty((0, n_ints), np.int64), [np.empty((0, len(channels)))] * tables
        return np.concatenate([ints for ints, _ in parts]), [
            np.concatenate([found[t] for _, found in parts]) for t in range(tables)
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


def _places(kept: SeriesLayout, names: Sequence[str], level: int) -> list[int]:
    here = kept.full if level == 0 else kept.schema.channel_names
    at = {name: place for place, name in enumerate(here)}
    for name in names:
        if name not in kept.schema.channel_names:
            raise unknown_name_error("channel", name, list(kept.schema.channel_names))
        if name not in at:
            raise ParameterError(
                f"channel must be kept row by row to be read so, got {name!r}, one of many that "
                f"are kept from level 1 on; ask for an overview"
            )
    return [at[name] for name in names]


def _grouped(ints: NDArray[np.int64], tables: list[Floats], size: int) -> DownsampledSeries:
    """Draw rows of a level into buckets that begin at multiples of ``size`` rows."""
    low, high, mean = tables
    if not size or not len(ints):
        return DownsampledSeries(ints[:, 0], ints[:, 2], low, high, mean)
    at = np.flatnonzero(np.diff(ints[:, 0] // size, prepend=-1))
    weights = np.where(np.isnan(mean), 0.0, ints[:, 1:2].astype(np.float64))
    count = np.add.reduceat(weights, at, axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        total = np.add.reduceat(np.where(np.isnan(mean), 0.0, mean * weights), at, axis=0)
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return DownsampledSeries(
        ints[at, 0],
        ints[at, 2],
        np.fmin.reduceat(low, at, axis=0),
        np.fmax.reduceat(high, at, axis=0),
        mean,
    )
