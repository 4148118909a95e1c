"""Rows drawn together for zooming: minimum, maximum and mean of 64 rows, and of 64 of those."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

__all__ = ["BUCKET", "BucketSet", "Downsampler", "joined"]

BUCKET = 64  # rows of the level below in one row: a screenful of 2,000 stays within 128,000


@dataclass(frozen=True)
class BucketSet:
    """Rows of one level.

    Parameters
    ----------
    ints
        Shape (p, 4): number of the first row, number of rows, first and last time.
    low, high
        Shape (p, d): minimum and maximum, NaN only where all are.
    total, count
        Shape (p, d): sum and number of the values that are not NaN.
    """

    ints: NDArray[np.int64]
    low: Floats
    high: Floats
    total: Floats
    count: Floats

    @classmethod
    def of_rows(cls, first: int, times: NDArray[np.int64], values: Floats) -> Self:
        """Return single rows as buckets of one."""
        numbers = np.arange(first, first + times.size)
        ints = np.column_stack([numbers, np.ones_like(numbers), times, times])
        known = ~np.isnan(values)
        return cls(ints, values, values, np.where(known, values, 0.0), known.astype(np.float64))

    @classmethod
    def none(cls, width: int) -> Self:
        """Return no buckets at all."""
        empty = np.empty((0, width))
        return cls(np.empty((0, 4), np.int64), empty, empty, empty, empty)

    @property
    def mean(self) -> Floats:
        """Mean of the values that are not NaN, shape (p, d)."""
        out = np.full_like(self.total, np.nan)
        return np.divide(self.total, self.count, out=out, where=self.count > 0)

    def __len__(self) -> int:
        return len(self.ints)

    def __getitem__(self, rows: slice) -> "BucketSet":
        return BucketSet(
            self.ints[rows], self.low[rows], self.high[rows], self.total[rows], self.count[rows]
        )


def joined(parts: list[BucketSet], width: int) -> BucketSet:
    """Return buckets one after another."""
    if not parts:
        return BucketSet.none(width)
    return BucketSet(
        np.concatenate([part.ints for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.total for part in parts]),
        np.concatenate([part.count for part in parts]),
    )


class Downsampler:
    """Draws 64 rows of the level below into one; holds the one that is not full yet.

    Sums are taken row after row, so that their bits do not tell how the rows were cut.

    Examples
    --------
    >>> reducer = Downsampler(1)
    >>> full = reducer.add(BucketSet.of_rows(0, np.arange(100), np.ones((100, 1))))
    >>> full.mean, reducer.entries
    (array([[1.]]), 36)
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.entries = 0  # rows of the level below in the open bucket
        self.rest = BucketSet.none(width)

    def add(self, rows: BucketSet) -> BucketSet:
        """Absorb rows of the level below; return the buckets that they filled."""
        full: list[BucketSet] = []
        at = 0
        while at < len(rows):
            whole = 0 if self.entries else (len(rows) - at) // BUCKET
            if whole:
                full.append(_reduced(rows[at : at + whole * BUCKET], whole))
                at += whole * BUCKET
                continue
            taken = min(BUCKET - self.entries, len(rows) - at)
            self.rest = _reduced(joined([self.rest, rows[at : at + taken]], self.width), 1)
            self.entries += taken
            at += taken
            if self.entries == BUCKET:
                full.append(self.rest)
                self.entries, self.rest = 0, BucketSet.none(self.width)
        return joined(full, self.width)

    def with_rest_of(self, below: BucketSet) -> BucketSet:
        """Return the open bucket as it would be with the open one of the level below."""
        both = joined([self.rest, below], self.width)
        return _reduced(both, 1) if len(both) else both

    def state(self) -> dict[str, Array]:
        """Return the open bucket as plain arrays."""
        rest = self.rest
        return {
            "entries": np.array(self.entries),
            "ints": rest.ints,
            "floats": np.stack([rest.low, rest.high, rest.total, rest.count]),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what :meth:`state` gave."""
        self.entries = int(state["entries"])
        self.rest = BucketSet(state["ints"], *state["floats"])


def _reduced(rows: BucketSet, n: int) -> BucketSet:
    """Draw rows into ``n`` buckets of equally many."""
    each = len(rows) // n

    def cut(values: Floats) -> Floats:
        return values.reshape(n, each, values.shape[1])

    total = np.zeros((n, rows.total.shape[1]))
    with np.errstate(invalid="ignore", over="ignore"):
        # One row after another: a sum along the axis would pair rows by the shape of the array.
        for row in range(each):
            total += cut(rows.total)[:, row]
    ints = rows.ints.reshape(n, each, 4)
    return BucketSet(
        np.column_stack([ints[:, 0, 0], ints[:, :, 1].sum(axis=1), ints[:, 0, 2], ints[:, -1, 3]]),
        # The sign of a zero depends on the order; adding zero makes it positive.
        np.fmin.reduce(cut(rows.low), axis=1) + 0.0,
        np.fmax.reduce(cut(rows.high), axis=1) + 0.0,
        total,
        cut(rows.count).sum(axis=1),
    )
