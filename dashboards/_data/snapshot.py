"""One look at a run: every question is asked once, however many pages ask it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from streamlyt.core import Event, Schema
from streamlyt.runfile import RunFile

from .downsampling import Overview, Run

__all__ = ["RunSnapshot"]

T = TypeVar("T")
_AT_MOST = 256  # rows in buckets kept; each is a screenful


class RunSnapshot:
    """A run as it is at one moment, for all who look at it then.

    Parameters
    ----------
    run
        What is looked at.
    before
        The look before this one: what cannot have changed since is taken from it.

    Examples
    --------
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> look = RunSnapshot(example_run())
    >>> look.events("a") is look.events("a"), look.n_rows("a")
    (True, 400)
    """

    def __init__(self, run: Run, before: "RunSnapshot | None" = None) -> None:
        self._run = run
        self._held: dict[Hashable, Any] = {"meta": dict(run.meta)}
        self._seen: dict[Hashable, Overview] = {}
        same = before is not None and before._run is run
        self._before = before if before is not None and same else None
        self._schemas: dict[str, Schema] = self._before._schemas if self._before else {}
        self._events = self._found()
        self._before = None  # a chain of looks would keep all of them

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the run says of itself."""
        meta: Mapping[str, Any] = self._held["meta"]
        return meta

    def keys(self) -> Sequence[str]:
        """Return the names of the series."""
        return self._once("keys", lambda: list(self._run.keys()))

    def row_counts(self) -> dict[str, tuple[int, int]]:
        """Return of every series how many rows it has, and the time of the last."""
        return self._once("lengths", self._lengths)

    def schema(self, key: str) -> Schema:
        """Return what the rows of a series are."""
        if key not in self._schemas:
            self._schemas[key] = self._run.schema(key)
        return self._schemas[key]

    def n_rows(self, key: str) -> int:
        """Return how many rows a series has."""
        return self._once(("n_rows", key), lambda: self._run.n_rows(key))

    def first_retained_row(self, key: str) -> int:
        """Return the number of the first row of a series that is still kept."""
        return self._once(("first_row", key), lambda: self._run.first_retained_row(key))

    def has(self, key: str) -> bool:
        """Whether there are rows of a series."""
        return key in self._once("names", lambda: frozenset(self.keys())) and self.n_rows(key) > 0

    def events(self, key: str | None = None) -> list[Event]:
        """Return the findings of a series, or of all, in the order in which they were made."""
        return self._events if key is None else self.by_key().get(key, [])

    def by_key(self) -> dict[str, list[Event]]:
        """Return the findings of each series that has some."""
        return self._once("by_key", self._by_key)

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> Overview:
        """Return the rows of a series in buckets."""
        wanted = (key, None if names is None else tuple(names), points, start, stop)
        if wanted not in self._seen:
            if len(self._seen) >= _AT_MOST:
                self._seen.clear()
            self._seen[wanted] = self._run.downsample(key, names, points, start, stop)
        return self._seen[wanted]

    def _once(self, question: Hashable, ask: Callable[[], T]) -> T:
        if question not in self._held:
            self._held[question] = ask()
        found: T = self._held[question]
        return found

    def _found(self) -> list[Event]:
        before = self._before
        if before is None or not isinstance(self._run, RunFile):
            return list(self._run.events())
        # Another writer may have gone back to an earlier checkpoint, and its findings with it.
        if any(self.meta.get(name) != before.meta.get(name) for name in ("writer", "created")):
            return list(self._run.events())
        return [*before._events, *self._run.events(start=len(before._events))]

    def _by_key(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self._events:
            found.setdefault(event.key, []).append(event)
        return found

    def _lengths(self) -> dict[str, tuple[int, int]]:
        run: Any = self._run
        if hasattr(run, "row_counts"):
            return dict(run.row_counts())
        told = {}
        for key in self.keys():
            n = self.n_rows(key)
            names = self.schema(key).channel_names[-1:]
            last = self.downsample(key, names, points=1, start=n - 1).times if n else [0]
            told[key] = n, int(last[-1])
        return told
