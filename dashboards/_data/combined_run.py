"""Several runs combined into one, for one page with all series."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamlyt.core import Event, Schema
from streamlyt.core.errors import ParameterError

from .downsampling import DownsampledData, ReadableRun

__all__ = ["CombinedRun"]


class CombinedRun:
    """The series of several runs in one readable run.

    Parameters
    ----------
    runs
        Runs whose series keys are distinct.

    Raises
    ------
    ParameterError
        If two runs have a series with the same key.
    """

    def __init__(self, runs: Sequence[ReadableRun]) -> None:
        self._runs = tuple(runs)
        self._of: dict[str, ReadableRun] = {}
        for run in self._runs:
            names = run.keys()
            for key in names:
                if key in self._of:
                    raise ParameterError(
                        f"series keys of runs on one page must be distinct, got {key!r} twice; "
                        f"write one report per run"
                    )
                self._of[key] = run

    @property
    def meta(self) -> Mapping[str, Any]:
        """Metadata of the last run; complete only if all runs are, with all pipelines."""
        metas = [run.meta for run in self._runs]
        pipelines = "\n".join(str(meta["pipeline"]) for meta in metas if meta.get("pipeline"))
        complete = all(meta.get("complete") is not False for meta in metas)
        return {**(metas[-1] if metas else {}), "pipeline": pipelines, "complete": complete}

    def keys(self) -> Sequence[str]:
        """Return the keys of all series."""
        return list(self._of)

    def schema(self, key: str) -> Schema:
        """Return the schema of a series."""
        return self._of[key].schema(key)

    def n_rows(self, key: str) -> int:
        """Return the number of rows of a series."""
        return self._of[key].n_rows(key)

    def first_retained_row(self, key: str) -> int:
        """Return the index of the first retained row of a series."""
        return self._of[key].first_retained_row(key)

    def events(self, key: str | None = None) -> list[Event]:
        """Return the events of one series, or of all."""
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
    ) -> DownsampledData:
        """Return the rows of a series, downsampled to buckets."""
        return self._of[key].downsample(key, names, points, start, stop)
