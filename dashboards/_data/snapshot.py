"""Snapshot of a run: every query is evaluated once, for any number of pages."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from streamlyt.core import Event, Schema
from streamlyt.runfile import RunFile

from .downsampling import DownsampledData, ReadableRun

__all__ = ["RunSnapshot"]

T = TypeVar("T")
_CACHE_SIZE = 256  # downsampled results kept; each has the size of a screen


class RunSnapshot:
    """State of a run at one moment, shared by all pages.

    Parameters
    ----------
    run
        The run to read.
    before
        The previous snapshot; what cannot have changed since is reused.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> snapshot = RunSnapshot(example_run())
    >>> snapshot.events("a") is snapshot.events("a"), snapshot.n_rows("a")
    (True, 400)
    """

    def __init__(self, run: ReadableRun, before: "RunSnapshot | None" = None) -> None:
        self._run = run
        self._results: dict[Hashable, Any] = {"meta": dict(run.meta)}
        self._downsampled: dict[Hashable, DownsampledData] = {}
        same = before is not None and before._run is run
        self._before = before if before is not None and same else None
        self._schemas: dict[str, Schema] = self._before._schemas if self._before else {}
        self._events = self._read_events()
        self._before = None  # a chain of snapshots would keep all of them alive

    @property
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the run."""
        meta: Mapping[str, Any] = self._results["meta"]
        return meta

    def keys(self) -> Sequence[str]:
        """Return the keys of the series."""
        return self._once("keys", lambda: list(self._run.keys()))

    def row_counts(self) -> dict[str, tuple[int, int]]:
        """Return the number of rows and the last time of every series."""
        return self._once("lengths", self._lengths)

    def schema(self, key: str) -> Schema:
        """Return the schema of a series."""
        if key not in self._schemas:
            self._schemas[key] = self._run.schema(key)
        return self._schemas[key]

    def n_rows(self, key: str) -> int:
        """Return the number of rows of a series."""
        return self._once(("n_rows", key), lambda: self._run.n_rows(key))

    def first_retained_row(self, key: str) -> int:
        """Return the index of the first retained row of a series."""
        return self._once(("first_row", key), lambda: self._run.first_retained_row(key))

    def has(self, key: str) -> bool:
        """Whether a series has rows."""
        return key in self._once("names", lambda: frozenset(self.keys())) and self.n_rows(key) > 0

    def events(self, key: str | None = None) -> list[Event]:
        """Return the events of one series, or of all, in the order in which they were written."""
        return self._events if key is None else self.by_key().get(key, [])

    def by_key(self) -> dict[str, list[Event]]:
        """Return the events by key, without series that have none."""
        return self._once("by_key", self._by_key)

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> DownsampledData:
        """Return the rows of a series, downsampled to buckets."""
        request = (key, None if names is None else tuple(names), points, start, stop)
        if request not in self._downsampled:
            if len(self._downsampled) >= _CACHE_SIZE:
                self._downsampled.clear()
            self._downsampled[request] = self._run.downsample(key, names, points, start, stop)
        return self._downsampled[request]

    def _once(self, name: Hashable, query: Callable[[], T]) -> T:
        if name not in self._results:
            self._results[name] = query()
        result: T = self._results[name]
        return result

    def _read_events(self) -> list[Event]:
        before = self._before
        if before is None or not isinstance(self._run, RunFile):
            return list(self._run.events())
        # Another writer may have rewound to an earlier checkpoint, which removes events.
        if any(self.meta.get(name) != before.meta.get(name) for name in ("writer", "created")):
            return list(self._run.events())
        return [*before._events, *self._run.events(start=len(before._events))]

    def _by_key(self) -> dict[str, list[Event]]:
        events: dict[str, list[Event]] = {}
        for event in self._events:
            events.setdefault(event.key, []).append(event)
        return events

    def _lengths(self) -> dict[str, tuple[int, int]]:
        run: Any = self._run
        if hasattr(run, "row_counts"):
            return dict(run.row_counts())
        counts = {}
        for key in self.keys():
            n = self.n_rows(key)
            names = self.schema(key).channel_names[-1:]
            last = self.downsample(key, names, points=1, start=n - 1).times if n else [0]
            counts[key] = n, int(last[-1])
        return counts
