"""The order in which a commit makes a run durable."""

from collections.abc import Callable
from dataclasses import replace

from streamlyt.core import Position, Source
from streamlyt.core.component import component_name
from streamlyt.core.protocols import ENDED, SupportsCommit
from streamlyt.engines._recovery.progress import Checkpoint, Phase, Progress, SeriesIndex
from streamlyt.engines._recovery.state_migration import StateMigration
from streamlyt.pipeline import Pipeline

from .prefetch import Prefetcher
from .run_metrics import RunMetrics
from .run_recorder import RunRecorder
from .sink_router import SinkRouter

__all__ = ["Checkpointer"]


class Checkpointer:
    """Makes progress durable, in one order.

    1. Plain sinks flush.
    2. The transactional sink commits rows and position, unless it is suppressed or nothing is new.
    3. The run file saves rows, events, dirty states, position and counts per sink in one
       transaction; then sinks may show what they have flushed.
    4. The source commits the position, only where there is no transactional sink.
    5. States are published for the next owner of a partition.
    6. The checkpoint is replaced, and no series is dirty.

    A failure at any step leaves the earlier checkpoint: (1) and (2) come first, as output that no
    run file covers can be truncated or suppressed on resume, while output that is lost cannot be
    made again.

    Parameters
    ----------
    source, router, recorder, migration, series, metrics
        Those of the engine.
    prefetcher
        Paused while the source or its transactions are used.
    interval_s, interval_rows
        A checkpoint is due after this many seconds or rows, whichever comes first.
    clock
        Monotonic seconds.

    Attributes
    ----------
    last
        The last checkpoint; before the first, the state at the start of the run.
    """

    def __init__(
        self,
        source: Source,
        router: SinkRouter,
        recorder: RunRecorder,
        prefetcher: Prefetcher,
        migration: StateMigration,
        series: SeriesIndex,
        metrics: RunMetrics,
        interval_s: float,
        interval_rows: int,
        clock: Callable[[], float],
    ) -> None:
        self._source, self._name = source, component_name(source)
        self._committing = source if isinstance(source, SupportsCommit) else None
        self._router, self._recorder, self._prefetcher = router, recorder, prefetcher
        self._migration, self._series, self._metrics = migration, series, metrics
        self._interval_s, self._interval_rows, self._clock = interval_s, interval_rows, clock
        self.start(Progress())

    def start(self, progress: Progress) -> None:
        """Start to count rows and seconds from the start of the run, or of its resume."""
        runfile = self._recorder.runfile
        self._started_at = self._clock()
        self._seconds_before = 0.0 if runfile is None else runfile.meta["seconds"]
        self.last = Checkpoint(progress.position, progress.n_rows, self._started_at)

    def rewind(self, progress: Progress) -> None:
        """Take over the progress that the run file holds; the time of the checkpoint stays."""
        self.last = replace(self.last, position=progress.position, n_rows=progress.n_rows)

    def seconds(self) -> float:
        """Return the run time, over all resumptions."""
        return self._seconds_before + self._clock() - self._started_at

    def saved_seconds(self) -> float:
        """Return the run time that the run file holds; without one, that up to now."""
        runfile = self._recorder.runfile
        return self.seconds() if runfile is None else float(runfile.meta["seconds"])

    def saved_position(self) -> Position | None:
        """Return the position that the run file holds."""
        runfile = self._recorder.runfile
        return None if runfile is None else runfile.position(self._name)

    def has_uncommitted(self, progress: Progress) -> bool:
        """Return whether there is progress that the checkpoint does not cover."""
        return self.last.behind(progress)

    def interval_is_over(self, progress: Progress) -> bool:
        """Return whether a checkpoint is due, provided that there is anything uncommitted."""
        return (
            progress.n_rows - self.last.n_rows >= self._interval_rows
            or self._clock() - self.last.made_at >= self._interval_s
        )

    def commit(
        self, progress: Progress, phase: Phase, pipeline: Pipeline, *, stopping: bool
    ) -> None:
        """Make progress durable.

        Parameters
        ----------
        progress
            At a batch boundary.
        phase
            In REPLAY the transactional sink commits nothing.
        pipeline
            Whose states are saved.
        stopping
            Whether this process reads nothing more: all states are then published.

        Raises
        ------
        SinkError
            If a sink or the run file cannot be written.
        """
        began = self._clock()
        sink, position = self._router.transactional_sink, progress.position
        for plain in self._router.plain_sinks:
            plain.flush()
        is_new = self.has_uncommitted(progress) and phase is not Phase.REPLAY
        if sink is not None and position is not None and is_new:
            end = {ENDED: 0} if progress.finished else {}
            with self._prefetcher.paused():
                sink.commit_transaction(self._source, {**position, **end})
        self._recorder.save(
            self._source,
            {} if position is None else {self._name: position},
            pipeline,
            self._series.dirty,
            rows=progress.n_rows,
            seconds=self.seconds(),
            complete=progress.finished,
            taken=self._router.written_counts,
        )
        self._router.settle()
        if sink is None and position is not None and self._committing is not None:
            with self._prefetcher.paused():
                self._committing.commit(position)
        self.publish(progress, phase, pipeline, stopping=stopping)
        self._series.dirty.clear()
        self.last = Checkpoint(position, progress.n_rows, self._clock())
        self._metrics.count_checkpoint(self.last.made_at - began)

    def publish(
        self, progress: Progress, phase: Phase, pipeline: Pipeline, *, stopping: bool
    ) -> None:
        """Publish states as of the last checkpoint where they are due; none during a replay."""
        if progress.position is not None and phase is not Phase.REPLAY:
            last = stopping or progress.finished
            self._migration.publish(progress.position, pipeline, self._series.active, last)
