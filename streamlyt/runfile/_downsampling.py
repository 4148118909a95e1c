"""Downsampling levels: minimum, maximum and mean of 64 rows of the level below."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Array, Floats

__all__ = ["BUCKET", "BucketSet", "Downsampler", "joined"]

BUCKET = 64  # rows of the level below in one row: a view of 2,000 rows needs at most 128,000


@dataclass(frozen=True)
class BucketSet:
    """Rows of one level.

    Parameters
    ----------
    ints
        Shape (p, 4): number of the first row, number of rows, first and last time.
    low, high
        Shape (p, d): minimum and maximum, NaN only if all values are.
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
        """Return rows as buckets of one row each."""
        numbers = np.arange(first, first + times.size)
        ints = np.column_stack([numbers, np.ones_like(numbers), times, times])
        known = ~np.isnan(values)
        return cls(ints, values, values, np.where(known, values, 0.0), known.astype(np.float64))

    @classmethod
    def none(cls, width: int) -> Self:
        """Return an empty set."""
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
    """Concatenate bucket sets."""
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
    """Combines 64 rows of the level below into one; keeps the bucket that is not full yet.

    Sums are computed row by row, so that their bits do not depend on the batch boundaries.

    Examples
    --------
    >>> downsampler = Downsampler(1)
    >>> full = downsampler.add(BucketSet.of_rows(0, np.arange(100), np.ones((100, 1))))
    >>> full.mean, downsampler.entries
    (array([[1.]]), 36)
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.entries = 0  # rows of the level below in the open bucket
        self.open_bucket = BucketSet.none(width)

    def add(self, rows: BucketSet) -> BucketSet:
        """Add rows of the level below; return the buckets that they fill."""
        full: list[BucketSet] = []
        start = 0
        while start < len(rows):
            n_full = 0 if self.entries else (len(rows) - start) // BUCKET
            if n_full:
                full.append(_reduced(rows[start : start + n_full * BUCKET], n_full))
                start += n_full * BUCKET
                continue
            n_added = min(BUCKET - self.entries, len(rows) - start)
            added = rows[start : start + n_added]
            self.open_bucket = _reduced(joined([self.open_bucket, added], self.width), 1)
            self.entries += n_added
            start += n_added
            if self.entries == BUCKET:
                full.append(self.open_bucket)
                self.entries, self.open_bucket = 0, BucketSet.none(self.width)
        return joined(full, self.width)

    def with_open_bucket(self, below: BucketSet) -> BucketSet:
        """Return the open bucket combined with the open bucket of the level below."""
        both = joined([self.open_bucket, below], self.width)
        return _reduced(both, 1) if len(both) else both

    def state(self) -> dict[str, Array]:
        """Return the open bucket as plain arrays."""
        open_bucket = self.open_bucket
        return {
            "entries": np.array(self.entries),
            "ints": open_bucket.ints,
            "floats": np.stack(
                [open_bucket.low, open_bucket.high, open_bucket.total, open_bucket.count]
            ),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Resume from a result of :meth:`state`."""
        self.entries = int(state["entries"])
        self.open_bucket = BucketSet(state["ints"], *state["floats"])


def _reduced(rows: BucketSet, n: int) -> BucketSet:
    """Combine rows into ``n`` buckets of equal size."""
    size = len(rows) // n

    def grouped(values: Floats) -> Floats:
        return values.reshape(n, size, values.shape[1])

    total = np.zeros((n, rows.total.shape[1]))
    with np.errstate(invalid="ignore", over="ignore"):
        # Row by row: a sum along the axis would pair rows depending on the shape of the array.
        for row in range(size):
            total += grouped(rows.total)[:, row]
    ints = rows.ints.reshape(n, size, 4)
    return BucketSet(
        np.column_stack([ints[:, 0, 0], ints[:, :, 1].sum(axis=1), ints[:, 0, 2], ints[:, -1, 3]]),
        # The sign of a zero depends on the order; adding zero makes it positive.
        np.fmin.reduce(grouped(rows.low), axis=1) + 0.0,
        np.fmax.reduce(grouped(rows.high), axis=1) + 0.0,
        total,
        grouped(rows.count).sum(axis=1),
    )
