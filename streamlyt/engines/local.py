"""The engine of one process: read, process, write, commit."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from time import monotonic

import numpy as np

from streamlyt.core import Batch, Position, Sink, Source
from streamlyt.core.errors import RebalanceError, noting
from streamlyt.core.protocols import ENDED, SupportsReplay, wakeup
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from ._recovery.progress import Phase, Progress, SeriesIndex
from ._recovery.resume_check import check_same_operators, with_saved_params
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
    batches before. If it ends within one (an operator rejects a row, a disk is full), or while the
    operators release their last rows, the last checkpoint stands. A source that grows after its
    end is read from the checkpoint before that; a transaction or a shared state is final.

    A transactional sink (Kafka) makes its rows and the position durable in one transaction, just
    before the run file is saved. A run that dies between the two replays these rows on resume:
    operators and run file see them, that sink sees none.

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
        Folder for the states of Kafka partitions, so that they follow them between processes.
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
        If a bound is out of range, or source and run file do not support transactions or shared
        states.

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
        self._new_params = pipeline  # in force from the next switch on
        self._on_progress: Callable[[int], None] | None = None

    def run(self, on_progress: Callable[[int], None] | None = None) -> Summary:
        """Read the source to its end, or to :meth:`stop`.

        Parameters
        ----------
        on_progress
            Called after each batch with the number of rows consumed, also before a resume.

        Raises
        ------
        StateError
            If the run file is of another source or pipeline.
        SinkError
            If a sink or the run file cannot be written. The last checkpoint is intact.
        """
        self._on_progress = on_progress
        self._initialize()
        try:
            with self._executor.open():
                self._read_all()
        except BaseException as error:
            whole = self._progress.at_boundary and not len(self._executor)
            if whole and self._has_uncommitted():
                with noting(error, "no checkpoint could be made after it"):
                    self._commit()
            raise
        return self.summary()

    def stop(self) -> None:
        """End the run after the current batch, with a checkpoint; for signal handlers."""
        self._stopping = True
        wakeup(self.source)

    def update_params(self, pipeline: Pipeline) -> None:
        """Continue with other reloadable parameters after a checkpoint; for any thread.

        Raises
        ------
        StateError
            If a label differs, or a parameter that is not reloadable.
        """
        check_same_operators(self.pipeline, pipeline)
        self._new_params = pipeline

    def summary(self) -> Summary:
        """Return the results of the run so far; where it failed, those up to the failure."""
        return Summary(
            self._progress.n_rows,
            tuple(self._recorder.events),
            self._checkpointer.saved_seconds(),
            self._progress.finished,
            dict(self._recorder.series),
        )

    def _initialize(self) -> None:
        """Start a run, or resume the one in the run file."""
        self._stopping = False
        self._recorder.check_resumable(self.source, self._new_params)
        if self.runfile is None:
            self._phase, self._progress = Phase.READ, Progress()
            self._series.reset()
            self._recorder.load(self.pipeline)
            self._router.resume({}, (0, 0))
        else:
            self._restore(self.runfile)
        if self._transactional_sink is not None:
            self._transactional_sink.init_transactions()
        self._checkpointer.start(self._progress)

    def _restore(self, runfile: RunFile) -> None:
        """Return to the last checkpoint in the run file."""
        # The sink may have committed more than the run file: a replay up to there comes first.
        self._phase = Phase.READ if self._transactional_sink is None else Phase.REPLAY
        runfile.discard_pending()
        states = runfile.restore_latest()
        meta = runfile.meta
        # New parameters take over where a replay ends: its rows were processed under the old ones.
        self.pipeline = with_saved_params(meta["pipeline"], self._new_params) or self.pipeline
        self.pipeline.restore(states)
        self._recorder.load(self.pipeline)
        series = self._recorder.series
        # A pipeline without operators has no states, and its output has the keys of its input.
        self._series.reset([*states] or series)
        self._migration.begin()
        default = sum(series.values()), len(self._recorder.events)
        self._router.resume(meta.get("taken", {}), default)
        position = self._checkpointer.saved_position()
        self._progress = Progress(position, meta["rows"], finished=meta["complete"])
        self._checkpointer.rewind(self._progress)

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
        while True:
            try:
                self._load_migrated_state()
                if self._phase is Phase.REPLAY and isinstance(self.source, SupportsReplay):
                    self._replay(self.source)
                if not self._stopping:
                    self._phase = Phase.READ
                    self._switch_params()
                    self._drain(self.source.read(self._progress.position))
                    self._finish()
                if not self._progress.finished or self._has_uncommitted():
                    self._settle()
                return
            except RebalanceError:
                self._rewind_to_checkpoint()
            if self._stopping:
                return

    def _replay(self, source: SupportsReplay) -> None:
        """Process again what the transactional sink has committed and the run file has not."""
        until = dict(source.committed())
        ended = until.pop(ENDED, None) is not None
        self._drain(source.read(self._progress.position, until))
        if ended:
            self._finish()
        self._settle()

    def _settle(self) -> None:
        """Commit what was read; if it ended within a group of rows, return to before."""
        if self._stopping and not self._progress.at_boundary:
            self._rewind_to_checkpoint()
        else:
            self._commit()

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
                    if self._progress.finished and self._reopened():
                        raise RebalanceError("the source has more rows after its end")
                    # All rows of a replay are processed under the parameters of the first time.
                    is_new = self._new_params is not self.pipeline
                    if is_new and self._phase is Phase.READ and self._emit_pending():
                        self._switch_params()
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
        while self._executor.ready(idle=True):
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
        changes = done.changes_state
        if changes:
            self._series.dirty.add(done.batch.key)
        self._migration.mark_changed(done.batch)
        news = changes or done.has_side_output
        self._progress = before.after(done.position, done.batch.n_rows, has_news=news)
        if done.position is not None and self._on_progress is not None:
            self._on_progress(self._progress.n_rows)

    def _finish(self) -> None:
        """Let operators release their rows at the end of the source; a stop takes that back."""
        if self._stopping or self._progress.finished:
            return
        self._progress = self._progress.off_boundary()  # operators release rows before they are out
        schema = self.source.schema
        for key in list(self._series.active):
            if self._stopping:
                self._rewind_to_checkpoint()
                return
            empty = Batch(key, np.empty(0, np.int64), np.empty((0, schema.n_channels)), schema)
            self._executor.submit(self.pipeline, empty, None, [], last=True)
            while self._executor.ready():
                self._emit_next()
        self._emit_pending()
        self._progress = self._progress.at_end()

    def _reopened(self) -> bool:
        """Take back the output of the end of the source; return False if others have it."""
        final = self._transactional_sink is not None or self._migration.shares_states
        return self.runfile is not None and not final and self.runfile.reopen()

    def _switch_params(self) -> None:
        """Hand the states over to operators with new parameters, between two checkpoints."""
        changed = self._new_params
        if changed is self.pipeline:
            return
        if self._has_uncommitted():
            self._commit()
        before = self._progress
        self._progress = before.off_boundary()
        changed.restore(self.pipeline.states())
        changed.on_params_changed()
        self.pipeline = changed
        self._series.dirty.update(changed.states())
        self._progress = before
        self._commit()

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
