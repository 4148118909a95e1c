"""Several runs read as one, for one page over all of their series."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError

from .downsampling import Overview, Run

__all__ = ["CombinedRun"]


class CombinedRun:
    """The series of several runs, as if one run held them all.

    Parameters
    ----------
    runs
        Runs whose series have names of their own.

    Raises
    ------
    ParameterError
        If two runs have a series of the same name.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = tuple(runs)
        self._of: dict[str, Run] = {}
        for run in self._runs:
            names = run.keys()
            for key in names:
                if key in self._of:
                    raise ParameterError(
                        f"series of runs on one page must have different names, got {key!r} twice"
                    )
                self._of[key] = run

    @property
    def meta(self) -> Mapping[str, Any]:
        """That of the last run; complete only if all are, with all their pipelines."""
        metas = [run.meta for run in self._runs]
        pipelines = "\n".join(str(meta["pipeline"]) for meta in metas if meta.get("pipeline"))
        complete = all(meta.get("complete") is not False for meta in metas)
        return {**(metas[-1] if metas else {}), "pipeline": pipelines, "complete": complete}

    def keys(self) -> Sequence[str]:
        """Return the names of all series."""
        return list(self._of)

    def schema(self, key: str) -> Schema:
        """Return what the rows of a series are."""
        return self._of[key].schema(key)

    def n_rows(self, key: str) -> int:
        """Return how many rows a series has."""
        return self._of[key].n_rows(key)

    def first_retained_row(self, key: str) -> int:
        """Return the number of the first row of a series that is still kept."""
        return self._of[key].first_retained_row(key)

    def events(self, key: str | None = None) -> list[Event]:
        """Return the findings of a series, or of all."""
        if key is not None:
            return self._of[key].events(key)
        return [event for run in self._runs for event in run.events()]

    def downsample(
        self,
        key: str,
        names: Sequence[str] | None = None,
        points: int = 2000,
        start: int = 0,
        stop: int | None = None,
    ) -> Overview:
        """Return the rows of a series in buckets."""
        return self._of[key].downsample(key, names, points, start, stop)
