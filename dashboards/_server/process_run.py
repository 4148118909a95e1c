"""How the process is, as a small run of its own: a row a second, kept in memory."""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from streamlyt.core import Channel, Event, Schema
from streamlyt.dashboards._data.downsampling import DownsampledBuckets, Overview

__all__ = ["PROCESS", "PROCESS_METRICS", "ProcessRun", "memory_mb"]

PROCESS = "process"  # the one series
_KEPT = 3600  # rows: an hour
_PAGE = os.sysconf("SC_PAGE_SIZE")

# What may be told of a process, in the order in which it is drawn: name, unit, heading.
PROCESS_METRICS = (
    ("rate", "rows/s", "Rows a second"),
    ("lag", "messages", "Messages that wait at the source"),
    ("queue", "rows", "Rows read ahead and not yet taken"),
    ("checkpoint", "s", "Age of the last checkpoint"),
    ("memory", "MB", "Memory of the process"),
)


class ProcessRun:
    """What a process told of itself each second of the last hour.

    Parameters
    ----------
    ask
        Returns values by the names of :data:`PROCESS_METRICS`, and ``rows``, of which the
        rate is taken.
    clock
        Nanoseconds since 1970.
    """

    def __init__(
        self, ask: Callable[[], Mapping[str, float]], clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._ask, self._clock = ask, clock
        self._rows: deque[tuple[int, tuple[float, ...]]] = deque(maxlen=_KEPT)
        self._taken: tuple[int, float] | None = None
        self._first = 0  # number of the oldest row kept
        channels = [Channel(heading, unit) for _, unit, heading in PROCESS_METRICS]
        self._schema = Schema(tuple(channels), "ns", "second")

    def sample(self) -> None:
        """Ask once more."""
        told, now = dict(self._ask()), self._clock()
        rows = told.pop("rows", None)
        if rows is not None:
            if self._taken is not None and now > self._taken[0]:
                seconds = (now - self._taken[0]) / 1e9
                told["rate"] = max(rows - self._taken[1], 0.0) / seconds
            self._taken = now, rows
        if len(self._rows) == _KEPT:
            self._first += 1
        row = tuple(float(told.get(name, np.nan)) for name, _, _ in PROCESS_METRICS)
        self._rows.append((now, row))

    def newest(self) -> dict[str, str]:
        """Return the last row in words: label -> value."""
        if not self._rows:
            return {}
        row = dict(zip([name for name, _, _ in PROCESS_METRICS], self._rows[-1][1], strict=True))
        told = {}
        for name, label, form in (
            ("rate", "rows/s", "{:,.0f}"),
            ("lag", "messages behind", "{:,.0f}"),
            ("memory", "MB", "{:,.0f}"),
        ):
            if np.isfinite(row[name]):
                told[label] = form.format(row[name])
        return told

    @property
    def meta(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def keys(self) -> Sequence[str]:
        """Return the one series."""
        return [PROCESS]

    def schema(self, key: str) -> Schema:
        """Return what is told."""
        return self._schema

    def first_retained_row(self, key: str) -> int:
        """Return the number of the oldest row kept."""
        return self._first

    def n_rows(self, key: str) -> int:
        """Return how many rows there have been; the oldest may be gone."""
        return self._first + len(self._rows)

    def events(self, key: str | None = None) -> list[Event]:
        """Nothing is found here."""
        return []

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> Overview:
        """Return rows as they were told."""
        stop = self.n_rows(key) if stop is None else min(stop, self.n_rows(key))
        at = range(max(start, self._first), stop)
        places = [
            self._schema.channel_names.index(name) for name in names or self._schema.channel_names
        ]
        held = [self._rows[i - self._first] for i in at]
        table = np.array([row for _, row in held]).reshape(len(held), -1)[:, places]
        times = np.array([time for time, _ in held], dtype=np.int64)
        return DownsampledBuckets(np.array(at, dtype=np.int64), times, table, table, table)


def memory_mb() -> float:
    """Return the memory that this process holds, in megabytes; NaN where no system tells."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * _PAGE / 1e6
    except OSError:
        return float("nan")
