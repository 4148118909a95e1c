"""Writer of one series: the rows since the last full chunk, on every level."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Batch, Floats, Schema
from streamlyt.core.errors import DataError, series_prefix

from ._chunks import Layout, chunk_rows, decode, encode
from ._downsampling import BUCKET, BucketSet, Downsampler

__all__ = ["INTS", "TABLES", "SeriesLayout", "SeriesWriter"]

INTS = ("row", "rows", "time", "last_time")
TABLES = (" minimum", " maximum", " mean")
"""The columns of levels 1 and above: four integers, and three for each channel."""

Chunk = tuple[int, int, int, int, int, int, bytes]
"""Level, first and last row, first and last time, n, columns."""


@dataclass(frozen=True)
class SeriesLayout:
    """The stored channels of a series, and the layout of its chunks.

    Parameters
    ----------
    schema
        Schema of the rows.
    full
        The channels that are stored row by row; all are stored from level 1 on.
    chunk_bytes
        Approximate size of a chunk.
    """

    schema: Schema
    full: tuple[str, ...]
    chunk_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "SeriesLayout":
        """Read what :meth:`to_dict` wrote."""
        schema = Schema.from_dict(record["schema"])
        return cls(schema, tuple(record["full"]), record["chunk_bytes"])

    @cached_property
    def full_indices(self) -> list[int]:
        """Indices of the full channels in the schema."""
        return [self.schema.channel_names.index(name) for name in self.full]

    def columns(self, level: int) -> Layout:
        """Return the layout of the columns in the chunks of a level."""
        if level == 0:
            return Layout.of(self.full, [False] * len(self.full))
        names, full = self.schema.channel_names, set(self.full)
        return Layout.of(names, [name not in full for name in names])

    def chunk_rows(self, level: int) -> int:
        """Return the number of rows in a chunk of a level."""
        columns = 1 + len(self.full) if level == 0 else 4 + 3 * self.schema.n_channels
        return chunk_rows(columns, self.chunk_bytes)


@dataclass
class _Tail:
    """Rows of one level that are not in a full chunk yet."""

    ints: list[NDArray[np.int64]] = field(default_factory=list)
    tables: list[tuple[Floats, ...]] = field(default_factory=list)

    def add(self, ints: NDArray[np.int64], *tables: Floats) -> None:
        self.ints.append(ints)
        self.tables.append(tables)

    def concatenated(self) -> tuple[NDArray[np.int64], tuple[Floats, ...]]:
        if len(self.ints) > 1:
            self.ints = [np.concatenate(self.ints)]
            self.tables = [tuple(np.concatenate(part) for part in zip(*self.tables, strict=True))]
        return self.ints[0], self.tables[0]

    def drop(self, n: int) -> None:
        ints, tables = self.concatenated()
        # Copied, so that a short remainder does not keep a long array alive.
        self.ints, self.tables = [ints[n:].copy()], [tuple(table[n:].copy() for table in tables)]


class SeriesWriter:
    """Collects the rows of one series and returns them in chunks."""

    def __init__(self, layout: SeriesLayout) -> None:
        self.layout = layout
        self.n = 0
        self.saved = 0
        self.last_time = -(2**63)  # of the rows added here
        self._last_schema = layout.schema
        self._tails = [_Tail(), _Tail()]
        self._downsamplers = [Downsampler(layout.schema.n_channels)]  # from level 1 on

    @classmethod
    def start(
        cls, batch: Batch, full: Collection[str] | None, wide: int, size: int
    ) -> SeriesLayout:
        """Return the layout of a new series."""
        names = batch.schema.channel_names
        raw = None if full is None else tuple(name for name in names if name in set(full))
        n_others = 0 if raw is None else len(names) - len(raw)
        return SeriesLayout(batch.schema, names if raw is None or n_others <= wide else raw, size)

    def add(self, batch: Batch) -> None:
        """Add rows.

        Raises
        ------
        DataError
            If their schema differs from that of earlier rows.
        """
        # Thousands of channels are compared once, not at every batch.
        if batch.schema is not self._last_schema and batch.schema != self.layout.schema:
            raise DataError(
                f"{series_prefix(batch.key)}channels must stay "
                f"{self.layout.schema.channel_names!r} during a run, got "
                f"{batch.schema.channel_names!r}; use another key for other channels"
            )
        self._last_schema = batch.schema
        if not batch.n_rows:
            return
        is_complete = len(self.layout.full) == batch.schema.n_channels
        table = batch.values if is_complete else batch.values[:, self.layout.full_indices]
        self._tails[0].add(batch.times, table)
        rows = BucketSet.of_rows(self.n, batch.times, batch.values)
        self.n += batch.n_rows
        self.last_time = max(self.last_time, int(batch.times[-1]))
        level = 0
        while len(rows):
            level += 1
            if level > len(self._downsamplers):
                self._downsamplers.append(Downsampler(batch.schema.n_channels))
                self._tails.append(_Tail())
            rows = self._downsamplers[level - 1].add(rows)
            if len(rows):
                self._tails[level].add(rows.ints, rows.low, rows.high, rows.mean)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks since the last full one, on every level, for a checkpoint."""
        below = BucketSet.none(self.layout.schema.n_channels)
        for level, tail in enumerate(self._tails):
            if level:
                below = self._downsamplers[level - 1].with_open_bucket(below)
                if level > 1 and self.n <= BUCKET ** (level - 1):
                    return  # one row would repeat the level below
            yield from self._chunks(level, tail, below if level else None)

    def settle(self) -> None:
        """Drop the full chunks, which are written."""
        self.saved = self.n
        for level, tail in enumerate(self._tails):
            if tail.ints:
                size = self.layout.chunk_rows(level)
                tail.drop(len(tail.concatenated()[0]) // size * size)

    def state(self) -> dict[str, Array]:
        """Return the number of rows, and the open bucket of every level."""
        buckets = {
            f"{level}/{name}": array
            for level, downsampler in enumerate(self._downsamplers, start=1)
            for name, array in downsampler.state().items()
        }
        return {"n": np.array([self.n]), **buckets}

    @classmethod
    def restored(
        cls,
        key: str,
        layout: SeriesLayout,
        n: int,
        state: Mapping[str, Array],
        db: sqlite3.Connection,
    ) -> "SeriesWriter":
        """Return the writer as of the last checkpoint."""
        writer = cls(layout)
        if not n:
            return writer
        writer.n = writer.saved = n
        levels = 1 + max(int(name.partition("/")[0]) for name in state if "/" in name)
        writer._downsamplers = [Downsampler(layout.schema.n_channels) for _ in range(1, levels)]
        for level, downsampler in enumerate(writer._downsamplers, start=1):
            downsampler.restore(
                {name: state[f"{level}/{name}"] for name in ("entries", "ints", "floats")}
            )
        writer._tails = [writer._read_tail(key, level, db) for level in range(levels)]
        return writer

    def _chunks(self, level: int, tail: _Tail, open_bucket: BucketSet | None) -> Iterator[Chunk]:
        parts = _Tail(list(tail.ints), list(tail.tables))
        if open_bucket is not None and len(open_bucket):
            low, high, mean = open_bucket.low, open_bucket.high, open_bucket.mean
            parts.add(open_bucket.ints, low, high, mean)
        if not parts.ints:
            return
        ints, tables = parts.concatenated()
        size = self.layout.chunk_rows(level)
        layout = self.layout.columns(level)
        for start in range(0, len(ints), size):
            part = ints[start : start + size]
            slices = [table[start : start + size] for table in tables]
            if level:
                first, last = int(part[0, 0]), int(part[-1, :2].sum()) - 1
                times = int(part[0, 2]), int(part[-1, 3])
                columns = list(zip(INTS, part.T, strict=True))
                for of, table in zip(TABLES, slices, strict=True):
                    columns += layout.columns(table, of)
            else:
                first = self.n - len(ints) + start
                last = first + len(part) - 1
                times = int(part[0]), int(part[-1])
                columns = [("time", part), *layout.columns(slices[0])]
            blob = encode(columns)
            yield level, first, last, *times, len(part), blob

    def _read_tail(self, key: str, level: int, db: sqlite3.Connection) -> _Tail:
        row = db.execute(
            "SELECT first_row, n, columns FROM chunks WHERE key = ? AND level = ? "
            "ORDER BY first_row DESC LIMIT 1",
            (key, level),
        ).fetchone()
        tail = _Tail()
        if row is None:
            return tail
        first, n, blob = row
        full = (
            self.n // BUCKET**level - first // BUCKET**level
        )  # the last row may be an open bucket
        if full == self.layout.chunk_rows(level) or full == 0:
            return tail
        blocks = len(self.layout.columns(level).starts)
        where = f"series {key!r}, level {level}, row {first}"
        if level == 0:
            times, *tables = decode(blob, range(1 + blocks), where)
            tail.add(times[:full], _side_by_side(tables, n)[:full])
            return tail
        columns = decode(blob, range(len(INTS) + len(TABLES) * blocks), where)
        ints, tables = np.column_stack(columns[: len(INTS)]), columns[len(INTS) :]
        statistics = [
            _side_by_side(tables[i * blocks : (i + 1) * blocks], n)[:full] for i in range(3)
        ]
        tail.add(ints[:full], *statistics)
        return tail


def _side_by_side(tables: list[Array], n: int) -> Floats:
    return np.concatenate(tables, axis=1) if tables else np.empty((n, 0))
