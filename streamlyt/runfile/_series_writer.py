"""One series as it is written: the rows since the last full chunk, on every level."""

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
"""The columns of levels 1 and above: four whole numbers, and three of each channel."""

Chunk = tuple[int, int, int, int, int, int, bytes]
"""Level, first and last row, first and last time, n, columns."""


@dataclass(frozen=True)
class SeriesLayout:
    """What is kept of a series, and how its columns lie in a chunk.

    Parameters
    ----------
    schema
        Of its rows.
    full
        The channels that are kept row by row; all are kept from level 1 on.
    chunk_bytes
        About how large a chunk is.
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
    def places(self) -> list[int]:
        """Where the full channels stand among all."""
        return [self.schema.channel_names.index(name) for name in self.full]

    def layout(self, level: int) -> Layout:
        """Return how the columns of a level lie in its chunks."""
        if level == 0:
            return Layout.of(self.full, [False] * len(self.full))
        names, full = self.schema.channel_names, set(self.full)
        return Layout.of(names, [name not in full for name in names])

    def chunk(self, level: int) -> int:
        """Return how many rows of a level make a chunk."""
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

    def whole(self) -> tuple[NDArray[np.int64], tuple[Floats, ...]]:
        if len(self.ints) > 1:
            self.ints = [np.concatenate(self.ints)]
            self.tables = [tuple(np.concatenate(part) for part in zip(*self.tables, strict=True))]
        return self.ints[0], self.tables[0]

    def drop(self, n: int) -> None:
        ints, tables = self.whole()
        # Copied, so that a short rest does not hold on to a long array.
        self.ints, self.tables = [ints[n:].copy()], [tuple(table[n:].copy() for table in tables)]


class SeriesWriter:
    """Takes the rows of one series and gives them out in chunks."""

    def __init__(self, kept: SeriesLayout) -> None:
        self.kept = kept
        self.n = 0
        self.saved = 0
        self.last_time = -(2**63)  # of the rows that were added here
        self._seen = kept.schema
        self._tails = [_Tail(), _Tail()]
        self._reducers = [Downsampler(kept.schema.n_channels)]  # the one of level 1 first

    @classmethod
    def start(
        cls, batch: Batch, full: Collection[str] | None, wide: int, size: int
    ) -> SeriesLayout:
        """Return what is to be kept of a new series."""
        names = batch.schema.channel_names
        some = None if full is None else tuple(name for name in names if name in set(full))
        inputs = 0 if some is None else len(names) - len(some)
        return SeriesLayout(batch.schema, names if some is None or inputs <= wide else some, size)

    def add(self, batch: Batch) -> None:
        """Take rows.

        Raises
        ------
        DataError
            If their schema is not that of the rows before.
        """
        # Thousands of channels are compared once, not at every batch.
        if batch.schema is not self._seen and batch.schema != self.kept.schema:
            raise DataError(
                f"{series_prefix(batch.key)}channels must stay "
                f"{self.kept.schema.channel_names!r} during a run, got "
                f"{batch.schema.channel_names!r}; give other channels another key"
            )
        self._seen = batch.schema
        if not batch.n_rows:
            return
        whole = len(self.kept.full) == batch.schema.n_channels
        table = batch.values if whole else batch.values[:, self.kept.places]
        self._tails[0].add(batch.times, table)
        rows = BucketSet.of_rows(self.n, batch.times, batch.values)
        self.n += batch.n_rows
        self.last_time = max(self.last_time, int(batch.times[-1]))
        level = 0
        while len(rows):
            level += 1
            if level > len(self._reducers):
                self._reducers.append(Downsampler(batch.schema.n_channels))
                self._tails.append(_Tail())
            rows = self._reducers[level - 1].add(rows)
            if len(rows):
                self._tails[level].add(rows.ints, rows.low, rows.high, rows.mean)

    def chunks(self) -> Iterator[Chunk]:
        """Yield what a checkpoint writes: the chunks since the last full one, on every level."""
        below = BucketSet.none(self.kept.schema.n_channels)
        for level, tail in enumerate(self._tails):
            if level:
                below = self._reducers[level - 1].with_rest_of(below)
                if level > 1 and self.n <= BUCKET ** (level - 1):
                    return  # one row would only repeat the level below
            yield from self._chunks(level, tail, below if level else None)

    def settle(self) -> None:
        """Let go of full chunks: they are written."""
        self.saved = self.n
        for level, tail in enumerate(self._tails):
            if tail.ints:
                size = self.kept.chunk(level)
                tail.drop(len(tail.whole()[0]) // size * size)

    def state(self) -> dict[str, Array]:
        """Return the number of rows, and the open bucket of every level."""
        buckets = {
            f"{level}/{name}": array
            for level, reducer in enumerate(self._reducers, start=1)
            for name, array in reducer.state().items()
        }
        return {"n": np.array([self.n]), **buckets}

    @classmethod
    def restored(
        cls,
        key: str,
        kept: SeriesLayout,
        n: int,
        state: Mapping[str, Array],
        db: sqlite3.Connection,
    ) -> "SeriesWriter":
        """Go on from what the last checkpoint wrote."""
        writer = cls(kept)
        if not n:
            return writer
        writer.n = writer.saved = n
        levels = 1 + max(int(name.partition("/")[0]) for name in state if "/" in name)
        writer._reducers = [Downsampler(kept.schema.n_channels) for _ in range(1, levels)]
        for level, reducer in enumerate(writer._reducers, start=1):
            reducer.restore(
                {part: state[f"{level}/{part}"] for part in ("entries", "ints", "floats")}
            )
        writer._tails = [writer._read_tail(key, level, db) for level in range(levels)]
        return writer

    def _chunks(self, level: int, tail: _Tail, rest: BucketSet | None) -> Iterator[Chunk]:
        parts = _Tail(list(tail.ints), list(tail.tables))
        if rest is not None and len(rest):
            parts.add(rest.ints, rest.low, rest.high, rest.mean)
        if not parts.ints:
            return
        ints, tables = parts.whole()
        size = self.kept.chunk(level)
        layout = self.kept.layout(level)
        for start in range(0, len(ints), size):
            part = ints[start : start + size]
            cut = [table[start : start + size] for table in tables]
            if level:
                first, last = int(part[0, 0]), int(part[-1, :2].sum()) - 1
                spans = int(part[0, 2]), int(part[-1, 3])
                columns = list(zip(INTS, part.T, strict=True))
                for of, table in zip(TABLES, cut, strict=True):
                    columns += layout.columns(table, of)
            else:
                first = self.n - len(ints) + start
                last = first + len(part) - 1
                spans = int(part[0]), int(part[-1])
                columns = [("time", part), *layout.columns(cut[0])]
            blob = encode(columns)
            yield level, first, last, *spans, len(part), blob

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
        full = self.n // BUCKET**level - first // BUCKET**level  # the last row may be an open one
        if full == self.kept.chunk(level) or full == 0:
            return tail
        blocks = len(self.kept.layout(level).starts)
        where = f"series {key!r}, level {level}, row {first}"
        if level == 0:
            times, *tables = decode(blob, range(1 + blocks), where)
            tail.add(times[:full], _side_by_side(tables, n)[:full])
            return tail
        columns = decode(blob, range(len(INTS) + len(TABLES) * blocks), where)
        ints, tables = np.column_stack(columns[: len(INTS)]), columns[len(INTS) :]
        three = [_side_by_side(tables[i * blocks : (i + 1) * blocks], n)[:full] for i in range(3)]
        tail.add(ints[:full], *three)
        return tail


def _side_by_side(tables: list[Array], n: int) -> Floats:
    return np.concatenate(tables, axis=1) if tables else np.empty((n, 0))
