"""Metrics of the process as an in-memory run with one row per second."""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from streamlyt.core import Channel, Event, Schema
from streamlyt.dashboards._data.downsampling import DownsampledBuckets, DownsampledData

__all__ = ["PROCESS", "PROCESS_METRICS", "ProcessRun", "memory_mb"]

PROCESS = "process"  # the one series
_MAX_SECONDS = 3600  # rows: one hour
_PAGE = os.sysconf("SC_PAGE_SIZE")

# Metrics of a process in the order of the page: name, unit, heading.
PROCESS_METRICS = (
    ("rate", "rows/s", "Throughput"),
    ("lag", "messages", "Consumer lag"),
    ("queue", "rows", "Prefetch queue"),
    ("checkpoint", "s", "Checkpoint age"),
    ("memory", "MB", "Resident memory"),
)


class ProcessRun:
    """Process metrics, sampled once per second for the last hour.

    Parameters
    ----------
    ask
        Returns values by the names of :data:`PROCESS_METRICS`, and ``rows``, from which the rate
        is computed.
    clock
        Nanoseconds since 1970.
    """

    def __init__(
        self, read: Callable[[], Mapping[str, float]], clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._read, self._clock = read, clock
        self._rows: deque[tuple[int, tuple[float, ...]]] = deque(maxlen=_MAX_SECONDS)
        self._last_count: tuple[int, float] | None = None
        self._first = 0  # index of the oldest retained row
        channels = [Channel(heading, unit) for _, unit, heading in PROCESS_METRICS]
        self._schema = Schema(tuple(channels), "ns", "second")

    def sample(self) -> None:
        """Add one row."""
        values, now = dict(self._read()), self._clock()
        rows = values.pop("rows", None)
        if rows is not None:
            if self._last_count is not None and now > self._last_count[0]:
                seconds = (now - self._last_count[0]) / 1e9
                values["rate"] = max(rows - self._last_count[1], 0.0) / seconds
            self._last_count = now, rows
        if len(self._rows) == _MAX_SECONDS:
            self._first += 1
        row = tuple(float(values.get(name, np.nan)) for name, _, _ in PROCESS_METRICS)
        self._rows.append((now, row))

    def newest(self) -> dict[str, str]:
        """Return the last row as text: label -> value."""
        if not self._rows:
            return {}
        row = dict(zip([name for name, _, _ in PROCESS_METRICS], self._rows[-1][1], strict=True))
        values = {}
        for name, label, form in (
            ("rate", "rows/s", "{:,.0f}"),
            ("lag", "messages of lag", "{:,.0f}"),
            ("memory", "MB", "{:,.0f}"),
        ):
            if np.isfinite(row[name]):
                values[label] = form.format(row[name])
        return values

    @property
    def meta(self) -> Mapping[str, Any]:
        """Empty: a process has no metadata."""
        return {}

    def keys(self) -> Sequence[str]:
        """Return the single key."""
        return [PROCESS]

    def schema(self, key: str) -> Schema:
        """Return the schema of the metrics."""
        return self._schema

    def first_retained_row(self, key: str) -> int:
        """Return the index of the oldest retained row."""
        return self._first

    def n_rows(self, key: str) -> int:
        """Return the number of rows, including removed ones."""
        return self._first + len(self._rows)

    def events(self, key: str | None = None) -> list[Event]:
        """Return no events."""
        return []

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledData:
        """Return the rows; they are few enough to need no downsampling."""
        stop = self.n_rows(key) if stop is None else min(stop, self.n_rows(key))
        indices = range(max(start, self._first), stop)
        columns = [
            self._schema.channel_names.index(name) for name in names or self._schema.channel_names
        ]
        rows = [self._rows[i - self._first] for i in indices]
        table = np.array([row for _, row in rows]).reshape(len(rows), -1)[:, columns]
        times = np.array([time for time, _ in rows], dtype=np.int64)
        return DownsampledBuckets(np.array(indices, dtype=np.int64), times, table, table, table)


def memory_mb() -> float:
    """Return the resident memory of this process in megabytes; NaN if unknown."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * _PAGE / 1e6
    except OSError:
        return float("nan")
