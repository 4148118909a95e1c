"""Feeds of live pages: a growing run file, and the replay of a recorded run."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.dashboards._data.combined_run import CombinedRun
from streamlyt.dashboards._data.downsampling import DownsampledBuckets, DownsampledData, ReadableRun
from streamlyt.runfile import RunFile

__all__ = ["LiveRunFeed", "ReplayFeed", "RunFeed", "row_at"]


class RunFeed(Protocol):
    """Source of the run of a page."""

    name: str

    def poll(self) -> tuple[ReadableRun | None, int]:
        """Return the run, None before it exists, and a version that changes with its content."""

    def close(self) -> None:
        """Close the run."""


class LiveRunFeed:
    """A run file that another process writes.

    Parameters
    ----------
    path
        The file. It may be created later, and may be replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self._run: RunFile | None = None
        self._inode = self._version = -1
        self._number = 0

    def poll(self) -> tuple[ReadableRun | None, int]:
        """Return the run, None before it exists, and a version that changes with its content."""
        inode = self.path.stat().st_ino if self.path.is_file() else -1
        if inode != self._inode:
            self._close_file()
            if inode >= 0:
                self._run = RunFile.open(self.path)
            self._inode, self._version = inode, -1
        version = -1 if self._run is None else self._run.data_version()
        if version != self._version or not self._number:
            self._version = version
            self._number += 1
        return self._run, self._number

    def close(self) -> None:
        """Close the file."""
        self._close_file()

    def _close_file(self) -> None:
        if self._run is not None:
            self._run.close()
        self._run = None


class ReplayFeed:
    """Replay of a recorded run.

    Parameters
    ----------
    run
        The recorded run, or several runs to replay together.
    name
        Name of the run.
    speed
        Speed factor. Rows with a clock (ns) are replayed by their times, others evenly over the
        duration of the recorded run.
    duration
        Seconds for the complete replay; overrides ``speed``.
    clock
        Returns seconds.

    Raises
    ------
    ParameterError
        If ``speed`` or ``duration`` is not positive, or the duration of the run is unknown.

    Notes
    -----
    An event appears with the row of its alarm. A bucket appears completely with its first row.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> now = [0.0]
    >>> replay = ReplayFeed(example_run(), "example", duration=4.0, clock=lambda: now[0])
    >>> for now[0] in (1.0, 2.5, 2.6, 4.0):
    ...     played, _ = replay.poll()
    ...     print(played.n_rows("a"), len(played.events("a")))
    100 0
    250 0
    260 1
    400 1
    """

    def __init__(
        self,
        run: ReadableRun | Sequence[ReadableRun],
        name: str,
        speed: float = 1.0,
        duration: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not speed > 0 or (duration is not None and not duration > 0):
            raise ParameterError(
                f"speed and within must be positive, got {speed!r} and {duration!r}"
            )
        run = CombinedRun(run) if isinstance(run, Sequence) else run
        self.run, self.name, self.speed, self.duration, self.clock = (
            run,
            name,
            speed,
            duration,
            clock,
        )
        self._keys = list(run.keys())
        self._length = {key: run.n_rows(key) for key in self._keys}
        self._clocked = all(run.schema(key).time_unit == "ns" for key in self._keys)
        self._time_ranges = {key: self._times(key) for key in self._keys}
        first = min((a for a, _ in self._time_ranges.values()), default=0)
        last = max((b for _, b in self._time_ranges.values()), default=0)
        self._first, self._span = first, last - first
        self._total_s = self._duration_s()
        self._began = clock()
        self._played = _ReplayedRun(run, dict.fromkeys(self._keys, 0), self._length)
        self._number = 0

    def poll(self) -> tuple[ReadableRun | None, int]:
        """Return the run so far, and a version that changes as it grows."""
        fraction = min((self.clock() - self._began) / self._total_s, 1.0)
        n_shown = {key: self._rows(key, fraction) for key in self._keys}
        if n_shown != self._played.n_shown or not self._number:
            self._played = _ReplayedRun(self.run, n_shown, self._length)
            self._number += 1
        return self._played, self._number

    def close(self) -> None:
        """Do nothing: the owner closes the recorded run."""

    def _duration_s(self) -> float:
        if self.duration is not None:
            return self.duration
        elapsed = self._span / 1e9 if self._clocked else float(self.run.meta.get("seconds") or 0.0)
        if not elapsed > 0:
            raise ParameterError(
                f"duration of run {self.name!r} must be known, got none; set within to the "
                f"seconds of the replay"
            )
        return elapsed / self.speed

    def _times(self, key: str) -> tuple[int, int]:
        n = self._length[key]
        if not n:
            return 0, 0
        name = self.run.schema(key).channel_names[-1:]
        begin = self.run.first_retained_row(key)
        first = self.run.downsample(key, name, points=1, start=begin, stop=begin + 1).times[0]
        return int(first), int(self.run.downsample(key, name, points=1, start=n - 1).times[-1])

    def _rows(self, key: str, fraction: float) -> int:
        """Return the number of rows after a fraction (0 to 1) of the replay."""
        n = self._length[key]
        if fraction >= 1.0 or not self._clocked or not n:
            return int(n * min(fraction, 1.0) + 1e-9)
        return row_at(self.run, key, n, self._first + fraction * self._span)


class _ReplayedRun:
    """A recorded run up to a row of each series."""

    def __init__(
        self, run: ReadableRun, n_shown: Mapping[str, int], length: Mapping[str, int]
    ) -> None:
        self.run, self.n_shown = run, n_shown
        self._done = n_shown == length

    @property
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the run, incomplete during the replay, with the rows so far."""
        complete = self._done and self.run.meta.get("complete")
        return {**self.run.meta, "complete": complete, "rows": sum(self.n_shown.values())}

    def keys(self) -> Sequence[str]:
        """Return the keys of the series that have rows."""
        return [key for key, n in self.n_shown.items() if n]

    def schema(self, key: str) -> Schema:
        """Return the schema of a series."""
        return self.run.schema(key)

    def first_retained_row(self, key: str) -> int:
        """Return the index of the first retained row of a series."""
        return self.run.first_retained_row(key)

    def n_rows(self, key: str) -> int:
        """Return the number of rows of a series so far."""
        return self.n_shown[key]

    def events(self, key: str | None = None) -> list[Event]:
        """Return the events whose alarms have been reached."""
        return [e for e in self.run.events(key) if self._is_reached(e)]

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledData:
        """Return the rows so far, downsampled to buckets."""
        stop = self.n_shown[key] if stop is None else min(stop, self.n_shown[key])
        if stop <= start:
            width = self.run.schema(key).n_channels if names is None else len(names)
            none = np.empty((0, width))
            return DownsampledBuckets(
                np.empty(0, np.int64), np.empty(0, np.int64), none, none, none
            )
        return self.run.downsample(key, names, points, start, stop)

    def _is_reached(self, event: Event) -> bool:
        schema = self.run.schema(event.key)
        last = (event.alarm_index - schema.first_row) // schema.row_step
        return last < self.n_shown[event.key]


def row_at(run: ReadableRun, key: str, n: int, time: float) -> int:
    """Return how many of the first ``n`` rows of a series have times up to ``time``.

    The search reads a bounded number of buckets, independent of the length of the series.
    """
    names, start, stop = run.schema(key).channel_names[-1:], run.first_retained_row(key), n
    while True:
        data = run.downsample(key, names, points=_SEARCH_BUCKETS, start=start, stop=stop)
        times: NDArray[np.int64] = data.times
        at = int(np.searchsorted(times, time, side="right"))
        if not at:
            return start
        first = int(data.rows[at - 1])
        following = int(data.rows[at]) if at < len(data.rows) else stop
        if following - first <= 1 or (first, following) == (start, stop):
            return following if following - first <= 1 else first
        start, stop = max(first, start), following


_SEARCH_BUCKETS = 512  # buckets read per search step
