"""What a page reads of a run, and rows in as many buckets as a screen has columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Floats, Schema

__all__ = [
    "DownsampledBuckets",
    "Overview",
    "Run",
    "Span",
    "condensed",
    "overview_of",
    "thin_positions",
]

_FINER = 8

Span = tuple[int, int | None]
"""From a row up to, not including, another; None for the last."""


class Overview(Protocol):
    """Rows of a series in buckets: shapes (p,), and (p, c) for the three tables."""

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


class Run(Protocol):
    """What a page reads of a run: the run file, or whatever stands in front of it."""

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
    ) -> Overview: ...


@dataclass(frozen=True)
class DownsampledBuckets:
    """An :class:`Overview` with at most so many buckets as were asked for."""

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    minimum: Floats
    maximum: Floats
    mean: Floats


def overview_of(
    run: Run, key: str, names: Sequence[str], points: int, span: Span = (0, None)
) -> DownsampledBuckets:
    """Return channels of a series in ``points`` buckets, or few less.

    A run file gives an eighth of what it is asked for where its levels fall so. Those of a part
    of the series begin at multiples of their size, so that they stand still while the part moves
    on; the first may begin before it.
    """
    start, stop = span
    if start == 0 and stop is None:
        return condensed(run.downsample(key, tuple(names), points=_FINER * points), points)
    stop = run.n_rows(key) if stop is None else stop
    seen = run.downsample(key, tuple(names), points=_FINER * points, start=start, stop=stop)
    if len(seen.rows) <= points:
        return DownsampledBuckets(seen.rows, seen.times, seen.minimum, seen.maximum, seen.mean)
    size = -(-(stop - start) // points)
    return _joined(seen, np.flatnonzero(np.diff(seen.rows // size, prepend=-1)))


def condensed(seen: Overview, points: int) -> DownsampledBuckets:
    """Join neighbours until there are at most ``points`` buckets; NaN only where all are.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[1.0], [5.0], [3.0], [np.nan]])
    >>> four = DownsampledBuckets(np.arange(4), np.arange(4), table, table, table)
    >>> condensed(four, 2).maximum.ravel().tolist()
    [5.0, 3.0]
    """
    n = len(seen.rows)
    if n <= points:
        return DownsampledBuckets(seen.rows, seen.times, seen.minimum, seen.maximum, seen.mean)
    return _joined(seen, np.arange(points) * n // points)


def _joined(seen: Overview, starts: NDArray[np.int64]) -> DownsampledBuckets:
    """Join the buckets from each of ``starts`` to the next."""
    known = np.isfinite(seen.mean)
    counts = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, seen.mean, 0.0), starts, axis=0)
    return DownsampledBuckets(
        seen.rows[starts],
        seen.times[starts],
        np.fmin.reduceat(seen.minimum, starts, axis=0),
        np.fmax.reduceat(seen.maximum, starts, axis=0),
        np.where(counts > 0, sums / np.maximum(counts, 1), np.nan),
    )


def thin_positions(places: Floats, cells: int = 500) -> NDArray[np.int64]:
    """Return the numbers of marks to draw: all, or one in each of ``cells`` stretches.

    Marks that stand nowhere (NaN) are left out.
    """
    known = np.flatnonzero(np.isfinite(places))
    if len(known) <= cells:
        return known
    here = places[known]
    width = float(np.ptp(here)) or 1.0
    _, first = np.unique(np.floor((here - here.min()) / width * cells), return_index=True)
    return known[first]
