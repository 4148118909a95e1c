"""Reading interface of a run, and rows downsampled to the columns of a screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Floats, Schema

__all__ = [
    "DownsampledBuckets",
    "DownsampledData",
    "ReadableRun",
    "Span",
    "downsampled",
    "merge_buckets",
    "thin_positions",
]

_OVERSAMPLING = 8

Span = tuple[int, int | None]
"""Half-open range of rows; None means the end."""


class DownsampledData(Protocol):
    """Rows of a series in buckets: shape (p,), and (p, c) for the three tables."""

    @property
    def rows(self) -> NDArray[np.int64]: ...
    @property
    def times(self) -> NDArray[np.int64]: ...
    @property
    def minimum(self) -> Floats: ...
    @property
    def maximum(self) -> Floats: ...
    @property
    def mean(self) -> Floats: ...


class ReadableRun(Protocol):
    """Reading interface of a run: the run file or a wrapper of it."""

    @property
    def meta(self) -> Mapping[str, Any]: ...
    def keys(self) -> Sequence[str]: ...
    def schema(self, key: str) -> Schema: ...
    def n_rows(self, key: str) -> int: ...
    def first_retained_row(self, key: str) -> int: ...
    def events(self, key: str | None = None) -> list[Event]: ...
    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledData: ...


@dataclass(frozen=True)
class DownsampledBuckets:
    """A :class:`DownsampledData` with at most the requested number of buckets."""

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    minimum: Floats
    maximum: Floats
    mean: Floats


def downsampled(
    run: ReadableRun, key: str, names: Sequence[str], points: int, span: Span = (0, None)
) -> DownsampledBuckets:
    """Return channels of a series in ``points`` buckets, or slightly fewer.

    A run file may return only an eighth of the requested buckets, depending on its downsampling
    levels. Buckets of a row range begin at multiples of their size, so that they stay fixed while
    the range moves; the first may begin before the range.
    """
    start, stop = span
    if start == 0 and stop is None:
        return merge_buckets(
            run.downsample(key, tuple(names), points=_OVERSAMPLING * points), points
        )
    stop = run.n_rows(key) if stop is None else stop
    data = run.downsample(key, tuple(names), points=_OVERSAMPLING * points, start=start, stop=stop)
    if len(data.rows) <= points:
        return DownsampledBuckets(data.rows, data.times, data.minimum, data.maximum, data.mean)
    size = -(-(stop - start) // points)
    return _joined(data, np.flatnonzero(np.diff(data.rows // size, prepend=-1)))


def merge_buckets(data: DownsampledData, points: int) -> DownsampledBuckets:
    """Merge neighbors into at most ``points`` buckets; NaN only where all values are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[1.0], [5.0], [3.0], [np.nan]])
    >>> four = DownsampledBuckets(np.arange(4), np.arange(4), table, table, table)
    >>> merge_buckets(four, 2).maximum.ravel().tolist()
    [5.0, 3.0]
    """
    n = len(data.rows)
    if n <= points:
        return DownsampledBuckets(data.rows, data.times, data.minimum, data.maximum, data.mean)
    return _joined(data, np.arange(points) * n // points)


def _joined(data: DownsampledData, starts: NDArray[np.int64]) -> DownsampledBuckets:
    """Merge the buckets from each of ``starts`` to the next."""
    known = np.isfinite(data.mean)
    counts = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, data.mean, 0.0), starts, axis=0)
    return DownsampledBuckets(
        data.rows[starts],
        data.times[starts],
        np.fmin.reduceat(data.minimum, starts, axis=0),
        np.fmax.reduceat(data.maximum, starts, axis=0),
        np.where(counts > 0, sums / np.maximum(counts, 1), np.nan),
    )


def thin_positions(axis_positions: Floats, cells: int = 500) -> NDArray[np.int64]:
    """Return the indices of marks to draw: all, or one in each of ``cells`` intervals.

    Marks at NaN are omitted.
    """
    known = np.flatnonzero(np.isfinite(axis_positions))
    if len(known) <= cells:
        return known
    positions = axis_positions[known]
    width = float(np.ptp(positions)) or 1.0
    _, first = np.unique(np.floor((positions - positions.min()) / width * cells), return_index=True)
    return known[first]
