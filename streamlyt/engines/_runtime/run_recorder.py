"""Records the output of a run: in its run file, or in memory without one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from streamlyt.core import Event, Position, Source
from streamlyt.engines._recovery.resume_check import check_same_pipeline, renewed
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from .step import ProcessedBatch

__all__ = ["RunRecorder"]


class RunRecorder:
    """Records rows, events, late rows and dead letters of each batch.

    Parameters
    ----------
    runfile
        Open for writing; None keeps events only, in memory.
    store_rows
        Whether the run file keeps the rows.

    Attributes
    ----------
    series
        Output series -> its number of rows.
    """

    def __init__(self, runfile: RunFile | None, store_rows: bool) -> None:
        self.runfile, self.store_rows = runfile, store_rows
        self.series: dict[str, int] = {}
        self._named: Pipeline | None = None  # the run file names its parameters
        self._events: list[Event] = []
        self._raw_channels: dict[str, tuple[str, ...]] = {}  # channels whose every row is kept

    def check_resumable(self, source: Source, pipeline: Pipeline) -> None:
        """Check that source and operators are those of the run file.

        Raises
        ------
        StateError
            If more than reloadable parameters differ.
        """
        if self.runfile is not None:
            check_same_pipeline(self.runfile.meta["pipeline"], source, pipeline)

    def load(self, pipeline: Pipeline) -> None:
        """Return to the content of the run file, or to nothing without one.

        Parameters
        ----------
        pipeline
            The one whose parameters the run file names.
        """
        self._named = pipeline
        self._events, self._raw_channels, self.series = [], {}, {}
        if self.runfile is not None:
            keys = self.runfile.keys()
            self.series = {key: self.runfile.n_rows(key) for key in keys}

    @property
    def events(self) -> Sequence[Event]:
        """All events; with a run file those up to the last checkpoint."""
        return self._events if self.runfile is None else self.runfile.events()

    def append(self, done: ProcessedBatch, pipeline: Pipeline) -> None:
        """Record the output of a batch."""
        for node in pipeline.outputs if done.outputs else ():
            rows = done.outputs[node]
            # Without rows, as when many series finish, no writer has to be opened.
            new = rows.n_rows > 0 or rows.key not in self.series
            if new and self.runfile is not None and self.store_rows:
                if rows.key not in self._raw_channels:
                    self._raw_channels[rows.key] = pipeline.appended_channels(done.batch.key, node)
                self.runfile.write_rows(rows, full=self._raw_channels[rows.key])
            self.series[rows.key] = self.series.get(rows.key, 0) + rows.n_rows
        if self.runfile is None:
            self._events += done.events
            return
        for event in done.events:
            self.runfile.write_event(event)
        for late in done.late_rows:
            self.runfile.write_late_rows(late)
        for dead_letter in done.dead_letters:
            self.runfile.write_dead_letter(dead_letter)

    def save(
        self,
        source: Source,
        positions: Mapping[str, Position],
        pipeline: Pipeline,
        dirty: Collection[str],
        **meta: Any,
    ) -> None:
        """Make the recorded output durable, with the positions and the states of dirty series.

        Raises
        ------
        SinkError
            If the run file cannot be written.
        """
        if self.runfile is None:
            return
        if pipeline is not self._named:
            meta["pipeline"] = renewed(self.runfile.meta["pipeline"], source, pipeline)
        # Pages show with it how long no alarm is possible.
        warmup = [getattr(operator, "warmup_rows", 0) for operator in pipeline.operators.values()]
        meta["learning"] = max(warmup, default=0)
        self.runfile.checkpoint(positions, pipeline.states(dirty), **meta)
        self._named = pipeline
