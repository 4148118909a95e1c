"""What is kept of a run: in its run file, or in memory where there is none."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from streamlyt.core import Event, Position, Source
from streamlyt.engines._recovery.resume_check import check_same_pipeline, renewed
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from .step import ProcessedBatch

__all__ = ["RunRecorder"]


class RunRecorder:
    """Rows, findings, late rows and dead letters, as they come out.

    Parameters
    ----------
    runfile
        Open for writing; None keeps the findings in memory, and nothing else.
    keep_rows
        Whether the run file holds the rows.

    Attributes
    ----------
    series
        Series that came out -> how many rows of each.
    params_changed
        Whether the run file tells of other free parameters than those of now.
    """

    def __init__(self, runfile: RunFile | None, keep_rows: bool) -> None:
        self.runfile, self.keep_rows = runfile, keep_rows
        self.series: dict[str, int] = {}
        self.params_changed = False
        self._events: list[Event] = []
        self._full: dict[str, tuple[str, ...]] = {}  # columns that are kept row by row

    def check_resumable(self, source: Source, pipeline: Pipeline) -> None:
        """Refuse another source or other operators than those that the run file was made for.

        Raises
        ------
        StateError
            If more than their free parameters is another.
        """
        kept = None if self.runfile is None else self.runfile.meta["pipeline"]
        self.params_changed = kept is not None and check_same_pipeline(kept, source, pipeline)

    def load(self) -> None:
        """Go back to what the run file holds, or to nothing."""
        self._events, self._full, self.series = [], {}, {}
        if self.runfile is not None:
            known = self.runfile.keys()
            self.series = {key: self.runfile.n_rows(key) for key in known}

    @property
    def events(self) -> Sequence[Event]:
        """The findings; those of a run file as of the last checkpoint."""
        return self._events if self.runfile is None else self.runfile.events()

    def append(self, landed: ProcessedBatch, pipeline: Pipeline) -> None:
        """Keep what came of a batch."""
        for end in pipeline.outputs if landed.outputs else ():
            rows = landed.outputs[end]
            # No rows, at the end of many series: their writers are not asked for.
            new = rows.n_rows > 0 or rows.key not in self.series
            if new and self.runfile is not None and self.keep_rows:
                if rows.key not in self._full:
                    self._full[rows.key] = pipeline.appended_channels(landed.batch.key, end)
                self.runfile.write_rows(rows, full=self._full[rows.key])
            self.series[rows.key] = self.series.get(rows.key, 0) + rows.n_rows
        if self.runfile is None:
            self._events += landed.events
            return
        for event in landed.events:
            self.runfile.write_event(event)
        for late in landed.late_rows:
            self.runfile.write_late_rows(late)
        for letter in landed.dead_letters:
            self.runfile.write_dead_letter(letter)

    def save(
        self,
        source: Source,
        positions: Mapping[str, Position],
        pipeline: Pipeline,
        touched: Collection[str],
        **meta: Any,
    ) -> None:
        """Make durable what was taken, with the positions and the memory of series.

        Raises
        ------
        SinkError
            If the run file cannot be written.
        """
        if self.runfile is None:
            return
        if self.params_changed:
            meta["pipeline"] = renewed(self.runfile.meta["pipeline"], source, pipeline)
        # Pages tell by it until when no alarm is possible.
        needed = [getattr(operator, "warmup_rows", 0) for operator in pipeline.operators.values()]
        meta["learning"] = max(needed, default=0)
        self.runfile.checkpoint(positions, pipeline.states(touched), **meta)
        self.params_changed = False
