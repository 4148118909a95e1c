"""The engine of one process: read, process, write, commit."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic

import numpy as np

from streamlyt.core import Batch, Position, Sink, Source
from streamlyt.core.errors import RebalanceError, noting
from streamlyt.core.protocols import SupportsReplay, wakeup
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from ._recovery.progress import Phase, Progress, SeriesIndex
from ._recovery.resume_check import check_same_operators
from ._recovery.shared_state import SharedStateStore
from ._recovery.state_migration import StateMigration
from ._runtime.checkpointer import Checkpointer
from ._runtime.endpoint_checks import check_bounds
from ._runtime.keyed_executor import KeyedExecutor
from ._runtime.prefetch import Prefetcher
from ._runtime.run_metrics import RunMetrics
from ._runtime.run_recorder import RunRecorder
from ._runtime.sink_router import SinkRouter
from ._runtime.summary import Summary

__all__ = ["LocalEngine"]


class LocalEngine:
    """Runs a pipeline over a source in this process.

    A checkpoint flushes the sinks, saves rows, events, states and the position in the run file in
    one transaction, and then commits the position to the source. If a flush fails, nothing is
    saved. A run file that holds a position is resumed from there: its rows and events are then
    those of a run that never stopped. Other sinks receive the rows since the last checkpoint
    again, unless they can be truncated.

    If a run ends between two batches (Ctrl-C, a source that fails), a checkpoint covers the
    batches before. If it ends within one (an operator rejects a row, a disk is full), the last
    checkpoint stands.

    A transactional sink (Kafka) makes its rows and the position durable in one transaction, just
    before the run file is saved. A run that dies between the two replays these rows on resume:
    operators and run file see them, that sink sees none. Each row comes out exactly once.

    Parameters
    ----------
    source
        Where rows come from. Its ``commit(position)``, if any, is called after each checkpoint.
    pipeline
        What processes them.
    sinks
        Where rows and events go, in addition to the run file.
    runfile
        The run file, open for writing; None keeps events in memory only.
    checkpoint_interval_s, checkpoint_interval_rows
        A checkpoint is due after this many seconds or rows, whichever comes first.
    clock
        Monotonic seconds.
    prefetch_bytes
        Most bytes of rows that a thread of its own reads ahead; a full queue pauses the source.
        0: no thread, a batch is read when the one before it is done.
    metrics
        Metrics to update; counters continue from their values.
    state_store
        Folder for the states of the partitions of a Kafka group, so that they follow a partition
        from one process to another.
    store_rows
        Whether the run file keeps the rows; it always keeps events, states and positions.
    threads
        Number of worker threads for the series. The output is the same for any number.
    sink_inputs
        For each sink the node of the pipeline whose rows it takes, with the events of the
        operators up to there; None or missing: the rows of all outputs, and all events.

    Raises
    ------
    ParameterError
        If a bound is out of range, or source and run file do not support a sink's transactions
        or shared states.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.core import Schema
    >>> class Count(Source):
    ...     schema = Schema.of("x")
    ...
    ...     def read(self, start=None):
    ...         yield Batch("a", np.arange(3), np.ones((3, 1)), self.schema), {"row": 3}
    >>> LocalEngine(Count(), Pipeline([])).run().rows
    3
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink] = (),
        runfile: RunFile | None = None,
        checkpoint_interval_s: float = 1.0,
        checkpoint_interval_rows: int = 2**14,
        clock: Callable[[], float] = monotonic,
        prefetch_bytes: int = 0,
        metrics: RunMetrics | None = None,
        state_store: SharedStateStore | None = None,
        store_rows: bool = True,
        threads: int = 1,
        sink_inputs: Sequence[str | None] = (),
    ) -> None:
        check_bounds(checkpoint_interval_s, checkpoint_interval_rows, prefetch_bytes, threads)
        self.source = source
        self.runfile = runfile
        self.metrics = RunMetrics() if metrics is None else metrics
        self._router = SinkRouter(sinks, sink_inputs, source, pipeline, runfile is not None)
        self._transactional_sink = self._router.transactional_sink
        self._recorder = RunRecorder(runfile, store_rows)
        self._prefetcher = Prefetcher(source, prefetch_bytes, self.metrics)
        self._executor = KeyedExecutor(threads)
        self._migration = StateMigration(source, state_store, runfile is not None)
        self._series = SeriesIndex()
        self._checkpointer = Checkpointer(
            source,
            self._router,
            self._recorder,
            self._prefetcher,
            self._migration,
            self._series,
            self.metrics,
            checkpoint_interval_s,
            checkpoint_interval_rows,
            clock,
        )
        # All that is assigned while it runs:
        self.pipeline = pipeline
        self._progress = Progress()
        self._phase = Phase.READ
        self._stopping = False
        self._new_params: Pipeline | None = None
        self._on_progress: Callable[[int], None] | None = None

    def run(self, on_progress: Callable[[int], None] | None = None) -> Summary:
        """Read the source to its end, or to :meth:`stop`.

        Parameters
        ----------
        on_progress
            Called after each batch with the number of rows consumed, those before a resume
            included.

        Raises
        ------
        StateError
            If the run file is of another source or pipeline.
        SinkError
            If a sink or the run file cannot be written. The last checkpoint is intact.
        """
        self._on_progress = on_progress
        self._initialize()
        if self._phase is Phase.COMPLETE:
            return self.summary()
        try:
            with self._executor.open():
                self._read_all()
                if not self._stopping:
                    self._finish()
            if not self._stopping:
                self._phase = Phase.COMPLETE
        except BaseException as error:
            if self._progress.at_boundary and self._has_uncommitted():
                with noting(error, "no checkpoint could be made after it"):
                    self._commit()
            raise
        self._commit()
        return self.summary()

    def stop(self) -> None:
        """End the run after the current batch, with a checkpoint; for signal handlers."""
        self._stopping = True
        wakeup(self.source)

    def update_params(self, pipeline: Pipeline) -> None:
        """Continue with other reloadable parameters from the next batch on, states kept.

        A checkpoint is made first, so that no row is processed under both. For any thread.

        Raises
        ------
        StateError
            If a label differs, or a parameter that is not reloadable.
        """
        check_same_operators(self.pipeline, pipeline)
        self._new_params = pipeline

    def summary(self) -> Summary:
        """Return the results of the run so far; where it failed, those up to the failure."""
        recorder = self._recorder
        seconds = (
            self._checkpointer.seconds() if self.runfile is None else self.runfile.meta["seconds"]
        )
        return Summary(
            self._progress.n_rows,
            tuple(recorder.events),
            seconds,
            self._phase is Phase.COMPLETE,
            dict(recorder.series),
        )

    def _initialize(self) -> None:
        """Start a run, or resume the one in the run file."""
        self._stopping = False
        seconds = 0.0
        self._recorder.check_resumable(self.source, self.pipeline)
        if self.runfile is None:
            self._phase, self._progress = Phase.READ, Progress()
            self._series.reset()
            self._recorder.load()
            self._router.resume({}, (0, 0))
        else:
            self._restore(self.runfile)
            if self._recorder.params_changed:  # the states were made under other parameters
                self.pipeline.on_params_changed()
                self._series.dirty.update(self.pipeline.states())
            seconds = self.runfile.meta["seconds"]
            if self.runfile.meta["complete"]:
                self._phase = Phase.COMPLETE
        if self._transactional_sink is not None:
            self._transactional_sink.init_transactions()
        self._checkpointer.start(self._progress, seconds)

    def _restore(self, runfile: RunFile) -> None:
        """Return to the last checkpoint in the run file."""
        # The sink may have committed more than the run file: a replay up to there comes first.
        self._phase = Phase.READ if self._transactional_sink is None else Phase.REPLAY
        runfile.discard_pending()
        self.pipeline.restore(runfile.restore_latest())
        progress = Progress(self._checkpointer.saved_position(), runfile.meta["rows"])
        self._checkpointer.rewind(progress)
        self._recorder.load()
        series = self._recorder.series
        # A pipeline without operators has no states, and its output has the keys of its input.
        self._series.reset([*self.pipeline.states()] or series)
        self._migration.begin()
        taken = runfile.meta.get("taken", {})
        self._router.resume(taken, (sum(series.values()), len(self._recorder.events)))
        self._progress = progress

    def _rewind_to_checkpoint(self) -> None:
        """Return to the last checkpoint; without a run file, make one instead."""
        if self.runfile is None:
            self._commit()
            return
        self._progress = self._progress.off_boundary()
        self._executor.discard_pending()
        if self._transactional_sink is not None:
            self._transactional_sink.abort_transaction()
        self._restore(self.runfile)

    def _read_all(self) -> None:
        while not self._stopping:
            try:
                self._load_migrated_state()
                if self._phase is Phase.REPLAY and isinstance(self.source, SupportsReplay):
                    until = self.source.committed()
                    self._drain(self.source.read(self._progress.position, until))
                    self._commit()
                if not self._stopping:
                    self._phase = Phase.READ
                    self._drain(self.source.read(self._progress.position))
                return
            except RebalanceError:
                self._rewind_to_checkpoint()

    def _load_migrated_state(self) -> None:
        """Take over the states of partitions that other processes have read further."""
        before = self._progress
        at, states = self._migration.load_migrated(before.position)
        if at:
            self._progress = before.off_boundary()  # until states and position agree
            self.pipeline.restore({**self.pipeline.states(), **states})
            self._series.dirty.update(states)
            self._series.activate(states)
            self._progress = replace(before, position={**(before.position or {}), **at})

    def _drain(self, batches: Iterable[tuple[Batch, Position | None]]) -> None:
        """Process all batches of one reading of the source."""
        with closing(self._prefetcher.read(batches)) as incoming:
            try:
                for batch, position, dead_letters in incoming:
                    if self._new_params is not None and self._emit_pending():
                        self._switch_params(self._new_params)
                    if batch.n_rows:
                        self._series.activate((batch.key,))
                    # A heartbeat of an unknown series leaves no state.
                    pipeline = self.pipeline if batch.key in self._series.active else None
                    self._executor.submit(pipeline, batch, position, dead_letters)
                    while self._executor.ready(idle=self._prefetcher.empty):
                        self._emit_next()
                    at_boundary = self._progress.at_boundary
                    if at_boundary and self._checkpoint_due() and self._emit_pending():
                        self._commit()
                    self.metrics.mark_progress()
                    if self._stopping and self._emit_pending():
                        break
            except BaseException:
                if not self._progress.failed:  # the source failed: what it gave before counts
                    self._emit_pending()
                raise
            self._emit_pending()

    def _emit_pending(self) -> bool:
        """Emit all pending batches; return whether a checkpoint is possible then."""
        while len(self._executor):
            self._emit_next()
        return self._progress.at_boundary

    def _emit_next(self) -> None:
        """Write the output of the oldest pending batch: the one place where progress advances."""
        before = self._progress
        self._progress = before.processing()
        done = self._executor.take_next()
        self.metrics.count_processed(done)
        self._router.route(done, suppressed=self._phase is Phase.REPLAY)
        self._recorder.append(done, self.pipeline)
        if done.changes_state:
            self._series.dirty.add(done.batch.key)
        self._migration.mark_changed(done.batch)
        self._progress = before.after(done.batch, done.position, done.dead_letters)
        if done.position is not None and self._on_progress is not None:
            self._on_progress(self._progress.n_rows)

    def _finish(self) -> None:
        """Let operators release the rows that they hold back: the source has ended."""
        self._phase = Phase.FINISH
        self._progress = self._progress.off_boundary()  # operators release rows before they are out
        schema = self.source.schema
        for key in list(self._series.active):
            empty = Batch(key, np.empty(0, np.int64), np.empty((0, schema.n_channels)), schema)
            self._executor.submit(self.pipeline, empty, None, [], last=True)
            while self._executor.ready():
                self._emit_next()
        self._emit_pending()
        self._progress = self._progress.finished()

    def _switch_params(self, changed: Pipeline) -> None:
        """Hand the states over to operators with other parameters."""
        if self._has_uncommitted():
            self._commit()
        changed.restore(self.pipeline.states())
        changed.on_params_changed()
        self.pipeline, self._new_params = changed, None
        self._series.dirty.clear()
        self._series.dirty.update(changed.states())
        self._recorder.params_changed = self.runfile is not None

    def _has_uncommitted(self) -> bool:
        """Return whether there is anything that the last checkpoint does not cover."""
        return self._checkpointer.has_uncommitted(self._progress) or len(self._executor) > 0

    def _checkpoint_due(self) -> bool:
        if not self._has_uncommitted():
            self.metrics.mark_up_to_date()
            now = self._progress, self._phase, self.pipeline
            self._checkpointer.publish(*now, stopping=self._stopping)
            return False
        return self._checkpointer.interval_is_over(self._progress)

    def _commit(self) -> None:
        """Make the progress durable; where it fails, the last checkpoint stands."""
        before = self._progress
        self._progress = before.off_boundary()
        self._checkpointer.commit(before, self._phase, self.pipeline, stopping=self._stopping)
        self._progress = before.committed()
