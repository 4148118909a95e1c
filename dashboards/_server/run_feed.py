"""Runs that go on while they are looked at: a file that grows, and one that is played again."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.dashboards._data.combined_run import CombinedRun
from streamlyt.dashboards._data.downsampling import DownsampledBuckets, Overview, Run
from streamlyt.runfile import RunFile

__all__ = ["LiveRunFeed", "ReplayFeed", "RunFeed", "row_at"]


class RunFeed(Protocol):
    """Where a page gets its run from."""

    name: str

    def poll(self) -> tuple[Run | None, int]:
        """Return the run, if there is one yet, and a number that is another one after news."""

    def close(self) -> None:
        """Let go of it."""


class LiveRunFeed:
    """A run file that somebody writes, or will.

    Parameters
    ----------
    path
        The file. It may come later, and another one may take its place.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self._run: RunFile | None = None
        self._node = self._version = -1
        self._number = 0

    def poll(self) -> tuple[Run | None, int]:
        """Return the run, if there is one yet, and a number that is another one after news."""
        node = self.path.stat().st_ino if self.path.is_file() else -1
        if node != self._node:
            self._shut()
            if node >= 0:
                self._run = RunFile.open(self.path)
            self._node, self._version = node, -1
        version = -1 if self._run is None else self._run.data_version()
        if version != self._version or not self._number:
            self._version = version
            self._number += 1
        return self._run, self._number

    def close(self) -> None:
        """Close the file."""
        self._shut()

    def _shut(self) -> None:
        if self._run is not None:
            self._run.close()
        self._run = None


class ReplayFeed:
    """A recorded run, as it was while it grew.

    Parameters
    ----------
    run
        What was recorded; or several runs, whose series are then played together.
    name
        What it is called.
    speed
        How many times as fast as it was. Rows with a clock (ns) go by their clock, all others by
        the time that the recorded run took.
    within
        Seconds in which all of it is played; in place of ``speed``.
    clock
        Seconds that pass.

    Raises
    ------
    ParameterError
        If ``speed`` or ``within`` is not positive, or no speed of the run is known.

    Notes
    -----
    A finding is there when the row of its alarm is. A bucket of a long stretch is shown whole as
    soon as its first row is there.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> now = [0.0]
    >>> replay = ReplayFeed(example_run(), "example", within=4.0, clock=lambda: now[0])
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
        run: Run | Sequence[Run],
        name: str,
        speed: float = 1.0,
        within: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not speed > 0 or (within is not None and not within > 0):
            raise ParameterError(f"speed and within must be positive, got {speed!r} and {within!r}")
        run = CombinedRun(run) if isinstance(run, Sequence) else run
        self.run, self.name, self.speed, self.within, self.clock = run, name, speed, within, clock
        self._keys = list(run.keys())
        self._length = {key: run.n_rows(key) for key in self._keys}
        self._clocked = all(run.schema(key).time_unit == "ns" for key in self._keys)
        self._ends = {key: self._times(key) for key in self._keys}
        first = min((a for a, _ in self._ends.values()), default=0)
        last = max((b for _, b in self._ends.values()), default=0)
        self._first, self._span = first, last - first
        self._whole = self._whole_s()
        self._began = clock()
        self._played = _Played(run, dict.fromkeys(self._keys, 0), self._length)
        self._number = 0

    def poll(self) -> tuple[Run | None, int]:
        """Return the run so far, and a number that is another one where it is longer."""
        part = min((self.clock() - self._began) / self._whole, 1.0)
        shown = {key: self._rows(key, part) for key in self._keys}
        if shown != self._played.shown or not self._number:
            self._played = _Played(self.run, shown, self._length)
            self._number += 1
        return self._played, self._number

    def close(self) -> None:
        """The recorded run is for its owner to close."""

    def _whole_s(self) -> float:
        if self.within is not None:
            return self.within
        took = self._span / 1e9 if self._clocked else float(self.run.meta.get("seconds") or 0.0)
        if not took > 0:
            raise ParameterError(
                f"the run {self.name} must tell how long it took, which it does not; say within "
                f"how many seconds it is to be played"
            )
        return took / self.speed

    def _times(self, key: str) -> tuple[int, int]:
        n = self._length[key]
        if not n:
            return 0, 0
        name = self.run.schema(key).channel_names[-1:]
        begin = self.run.first_retained_row(key)
        first = self.run.downsample(key, name, points=1, start=begin, stop=begin + 1).times[0]
        return int(first), int(self.run.downsample(key, name, points=1, start=n - 1).times[-1])

    def _rows(self, key: str, part: float) -> int:
        """Return how many rows have come when a part (0 to 1) of the time is over."""
        n = self._length[key]
        if part >= 1.0 or not self._clocked or not n:
            return int(n * min(part, 1.0) + 1e-9)
        return row_at(self.run, key, n, self._first + part * self._span)


class _Played:
    """A recorded run up to some row of each series: what a replay has come to."""

    def __init__(self, run: Run, shown: Mapping[str, int], length: Mapping[str, int]) -> None:
        self.run, self.shown = run, shown
        self._done = shown == length

    @property
    def meta(self) -> Mapping[str, Any]:
        """That of the run, incomplete while it is played, with the rows that have come."""
        complete = self._done and self.run.meta.get("complete")
        return {**self.run.meta, "complete": complete, "rows": sum(self.shown.values())}

    def keys(self) -> Sequence[str]:
        """Return the series that have begun."""
        return [key for key, n in self.shown.items() if n]

    def schema(self, key: str) -> Schema:
        """Return what the rows of a series are."""
        return self.run.schema(key)

    def first_retained_row(self, key: str) -> int:
        """Return the number of the first row of a series that is still kept."""
        return self.run.first_retained_row(key)

    def n_rows(self, key: str) -> int:
        """Return how many rows of a series have come."""
        return self.shown[key]

    def events(self, key: str | None = None) -> list[Event]:
        """Return the findings whose alarms have come."""
        return [e for e in self.run.events(key) if self._has_come(e)]

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> Overview:
        """Return the rows that have come, in buckets."""
        stop = self.shown[key] if stop is None else min(stop, self.shown[key])
        if stop <= start:
            width = self.run.schema(key).n_channels if names is None else len(names)
            none = np.empty((0, width))
            return DownsampledBuckets(
                np.empty(0, np.int64), np.empty(0, np.int64), none, none, none
            )
        return self.run.downsample(key, names, points, start, stop)

    def _has_come(self, event: Event) -> bool:
        schema = self.run.schema(event.key)
        last = (event.alarm_index - schema.first_row) // schema.row_step
        return last < self.shown[event.key]


def row_at(run: Run, key: str, n: int, time: float) -> int:
    """Return how many of the first ``n`` rows of a series come at ``time`` or before.

    A few screenfuls are read, however long the series is.
    """
    names, start, stop = run.schema(key).channel_names[-1:], run.first_retained_row(key), n
    while True:
        seen = run.downsample(key, names, points=_SEARCHED, start=start, stop=stop)
        times: NDArray[np.int64] = seen.times
        at = int(np.searchsorted(times, time, side="right"))
        if not at:
            return start
        first = int(seen.rows[at - 1])
        following = int(seen.rows[at]) if at < len(seen.rows) else stop
        if following - first <= 1 or (first, following) == (start, stop):
            return following if following - first <= 1 else first
        start, stop = max(first, start), following


_SEARCHED = 512  # buckets read at each step towards a row
