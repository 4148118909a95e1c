"""The engine of one process: read, step, write, and now and then make it durable."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from time import monotonic

import numpy as np

from streamlyt.core import Batch, Position, Sink, Source
from streamlyt.core.component import component_name
from streamlyt.core.errors import RebalanceError, noting
from streamlyt.core.protocols import SupportsCommit, SupportsReplay, wakeup
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from ._recovery.resume_check import check_same_operators
from ._recovery.shared_state import SharedStateStore
from ._recovery.state_migration import StateMigration
from ._runtime.endpoint_checks import check_bounds
from ._runtime.keyed_executor import KeyedExecutor
from ._runtime.prefetch import Prefetcher
from ._runtime.run_metrics import RunMetrics
from ._runtime.run_recorder import RunRecorder
from ._runtime.sink_router import SinkRouter
from ._runtime.summary import Summary

__all__ = ["LocalEngine"]


class LocalEngine:
    """Drives a pipeline over a source in this process.

    A checkpoint flushes the sinks, saves rows, findings, states and the position into the run
    file in one transaction, and then tells the source. If a flush fails, nothing is saved. A run
    file that holds a position is gone on with from there: its rows and findings are then those
    of a run that never stopped. (Other sinks see the rows since the last checkpoint again.)

    Whatever ends a run between two batches (Ctrl-C, a source that fails) leaves a checkpoint of
    the batches before it; what ends it within one (a row that an operator refuses, a full disk)
    leaves the last checkpoint as it was.

    A sink with transactions (Kafka) makes what it took and the position durable in one of them,
    just before the run file is saved. A run that ends between the two reads these rows again
    when it is resumed, for the memory of the operators and for the run file, and shows that sink
    none of them: each row comes out once.

    Parameters
    ----------
    source
        Where rows come from. If it has a method ``commit(position)``, it is called after each
        checkpoint.
    pipeline
        What is done with them.
    sinks
        Where rows and findings go, beside the run file.
    runfile
        The run file, open for writing.
    checkpoint_interval_s, checkpoint_interval_rows
        A checkpoint is made after so many seconds or rows, whichever comes first.
    clock
        Seconds that only grow.
    prefetch_bytes
        The source is read by a thread of its own, so many bytes of rows ahead at most; a full
        queue pauses it. 0: no thread, each batch is read when the one before it is done.
    metrics
        Where the engine tells how it gets on; counts go on from what they are.
    state_store
        Folder for the memory of the partitions of a Kafka group, so that it follows them from one
        process to another.
    store_rows
        Whether the run file holds the rows; findings, states and positions it holds always.
    threads
        Threads that the series are shared out to. What comes out is the same for any number.
    sink_inputs
        For each sink the place in the pipeline whose rows it takes, with the findings on the way
        there; None, or nothing said, for the rows at all ends and all findings.

    Raises
    ------
    ParameterError
        If a bound is out of range, or source and run file cannot go along with a sink's
        transactions or with shared states.

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

    _position: Position | None
    _saved_position: Position | None
    _touched: set[str]  # series of the source whose memory is not saved yet
    _whole: bool  # no batch is half done, no checkpoint half made
    _broken: bool  # a batch could not be written, or nothing could be made of it
    _complete: bool
    _known: dict[str, None]  # series of the source that had rows, in order

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
        gauges: RunMetrics | None = None,
        state_store: SharedStateStore | None = None,
        store_rows: bool = True,
        threads: int = 1,
        sink_inputs: Sequence[str | None] = (),
    ) -> None:
        check_bounds(checkpoint_interval_s, checkpoint_interval_rows, prefetch_bytes, threads)
        self.source = source
        self.pipeline = pipeline
        self.runfile = runfile
        self.checkpoint_interval_s = checkpoint_interval_s
        self.checkpoint_interval_rows = checkpoint_interval_rows
        self._clock = clock
        self._name = component_name(source)
        self._outlets = SinkRouter(sinks, sink_inputs, source, pipeline, runfile is not None)
        self._transaction = self._outlets.transactional_sink
        self._record = RunRecorder(runfile, store_rows)
        self._commits = source if isinstance(source, SupportsCommit) else None
        self.metrics = RunMetrics() if gauges is None else gauges
        self._ahead = Prefetcher(source, prefetch_bytes, self.metrics)
        self._moves = StateMigration(source, state_store, runfile is not None)
        self._lanes = KeyedExecutor(threads)
        self._change: Pipeline | None = None

    def run(self, progress: Callable[[int], None] | None = None) -> Summary:
        """Read the source to its end, or to :meth:`stop`.

        Parameters
        ----------
        progress
            Told after each batch how many rows were taken, those before a resumption included.

        Raises
        ------
        StateError
            If the run file is of another source or pipeline.
        SinkError
            If a sink or the run file cannot be written. What was saved before is safe.
        """
        self._progress = progress
        self._begin()
        if self._complete:
            return self.summary()
        try:
            with self._lanes.open():
                self._read()
                if not self._stopped:
                    self._finish()
            self._complete = not self._stopped
        except BaseException as error:
            # Not whole: a batch is half done, or a checkpoint has failed. The last one stands.
            if self._whole and self._news():
                with noting(error, "no checkpoint could be made after it"):
                    self._checkpoint()
            raise
        self._checkpoint()
        return self.summary()

    def stop(self) -> None:
        """End the run after the batch at hand, with a checkpoint; for signal handlers."""
        self._stopped = True
        wakeup(self.source)

    def update_params(self, pipeline: Pipeline) -> None:
        """Go on with operators of other free parameters, from the next batch on, memory kept.

        A checkpoint is made first, so that no row is seen under both. For any thread.

        Raises
        ------
        StateError
            If a parameter differs that is not free, or a label.
        """
        check_same_operators(self.pipeline, pipeline)
        self._change = pipeline

    def summary(self) -> Summary:
        """Return what the run has come to so far; where it failed, what had been found by then."""
        seconds = self._seconds + self._clock() - self._started
        if self.runfile is not None:
            seconds = self.runfile.meta["seconds"]
        record = self._record
        return Summary(
            self._rows, tuple(record.events), seconds, self._complete, dict(record.series)
        )

    def _read(self) -> None:
        while not self._stopped:
            try:
                self._adopt()
                if self._outlets.suppressed and isinstance(self.source, SupportsReplay):
                    self._follow(self.source.read(self._position, self.source.committed()))
                    self._checkpoint()
                if not self._stopped:
                    self._outlets.suppressed = False
                    self._follow(self.source.read(self._position))
                return
            except RebalanceError:
                self._rewind()

    def _follow(self, batches: Iterable[tuple[Batch, Position | None]]) -> None:
        with closing(self._ahead.read(batches)) as read:
            try:
                for batch, position, letters in read:
                    if self._change is not None and self._land_all():
                        self._go_over(self._change)
                    if batch.n_rows:
                        self._known[batch.key] = None
                    # The heartbeat of a series that never was is none.
                    known = self.pipeline if batch.key in self._known else None
                    self._lanes.submit(known, batch, position, letters)
                    while self._lanes.ready(idle=self._ahead.empty):
                        self._land()
                    if self._whole and self._due() and self._land_all():
                        self._checkpoint()
                    self.metrics.mark_progress()
                    if self._stopped and self._land_all():
                        break
            except BaseException:
                if not self._broken:  # what was read before the source failed counts
                    self._land_all()
                raise
            self._land_all()

    def _go_over(self, changed: Pipeline) -> None:
        """Hand the memory on to operators with other parameters."""
        if self._news():
            self._checkpoint()
        changed.restore(self.pipeline.states())
        changed.on_params_changed()
        self.pipeline, self._change = changed, None
        self._touched = set(changed.states())
        self._record.params_changed = self.runfile is not None

    def _adopt(self) -> None:
        """Take over the memory of partitions that others went on with."""
        at, memory = self._moves.load_migrated(self._position)
        if at:
            self._whole = False  # until memory and position are of the same moment
            self._position = {**(self._position or {}), **at}
            self.pipeline.restore({**self.pipeline.states(), **memory})
            self._touched.update(memory)
            self._known |= dict.fromkeys(memory)
            self._whole = True

    def _share(self) -> None:
        """Put the memory as of the last checkpoint where the next owner of a partition looks."""
        if self._position is not None and not self._outlets.suppressed:
            last = self._stopped or self._complete
            self._moves.publish(self._position, self.pipeline, self._known, last)

    def _rewind(self) -> None:
        """Go back to the last checkpoint; without a run file, make one instead."""
        if self.runfile is None:
            self._checkpoint()
            return
        self._whole = False  # where it fails on the way, the last checkpoint stands
        if self._transaction is not None:
            self._transaction.abort_transaction()
        self._load(self.runfile)

    def _begin(self) -> None:
        self._position = self._saved_position = None
        self._taken = False  # rows or letters, since the last checkpoint
        self._rows = self._saved_rows = 0
        self._touched, self._known = set(), {}
        self._stopped, self._complete, self._whole, self._broken = False, False, True, False
        self._seconds = 0.0
        self._record.check_resumable(self.source, self.pipeline)
        if self.runfile is not None:
            self._load(self.runfile)
            if self._record.params_changed:  # what is kept was made under other free parameters
                self.pipeline.on_params_changed()
                self._touched = set(self.pipeline.states())
            self._seconds = self.runfile.meta["seconds"]
            self._complete = self.runfile.meta["complete"]
        else:
            self._record.load()
            self._outlets.resume({}, (0, 0))
        if self._transaction is not None:
            self._transaction.init_transactions()
        self._started = self._saved_at = self._clock()

    def _load(self, runfile: RunFile) -> None:
        # Until a checkpoint ends the replay of what the sink has committed beyond the run file.
        self._outlets.suppressed = self._transaction is not None
        runfile.discard_pending()
        self.pipeline.restore(runfile.restore_latest())
        self._position = runfile.position(self._name)
        self._rows = self._saved_rows = runfile.meta["rows"]
        self._taken, self._saved_position = False, self._position
        self._record.load()
        series = self._record.series
        # A pipeline without operators has no states, and gives its series on as they come.
        self._known = dict.fromkeys([*self.pipeline.states()] or series)
        self._touched.clear()
        self._moves.begin()
        self._whole = True
        taken = runfile.meta.get("taken", {})
        self._outlets.resume(taken, (sum(series.values()), len(self._record.events)))

    def _land_all(self) -> bool:
        """Land what is under way; tell whether no batch is half done then."""
        while len(self._lanes):
            self._land()
        return self._whole

    def _land(self) -> None:
        """Write what came of the oldest batch under way."""
        self._whole, self._broken = False, True
        landed = self._lanes.take_next()
        batch = landed.batch
        self._taken = self._taken or batch.n_rows > 0 or bool(landed.dead_letters)
        self.metrics.count_batch(batch)
        self.metrics.events += len(landed.events)
        self.metrics.dead_letters += len(landed.dead_letters)
        self.metrics.late_rows += sum(late.n_rows for late in landed.late_rows)
        self._outlets.route(landed)
        self._record.append(landed, self.pipeline)
        if batch.n_rows or landed.events or any(out.n_rows for out in landed.outputs.values()):
            self._touched.add(batch.key)
        self._moves.mark_changed(batch)
        self._rows += batch.n_rows
        self._broken = False
        if landed.position is not None:
            self._position = landed.position
            self._whole = True
            if self._progress is not None:
                self._progress(self._rows)

    def _finish(self) -> None:
        """Let go of the rows that operators hold back for others that may come: none will."""
        schema = self.source.schema
        self._whole = False  # an operator has let go of rows that are not written yet
        for key in list(self._known):
            none = Batch(key, np.empty(0, np.int64), np.empty((0, schema.n_channels)), schema)
            self._lanes.submit(self.pipeline, none, None, [], last=True)
            while self._lanes.ready():
                self._land()
        self._land_all()
        self._whole = True

    def _news(self) -> bool:
        """Tell whether there is anything that the last checkpoint does not have."""
        moved = self._position != self._saved_position
        return self._taken or self._record.params_changed or moved or len(self._lanes) > 0

    def _due(self) -> bool:
        if not self._news():
            self.metrics.mark_up_to_date()
            self._share()
            return False
        return (
            self._rows - self._saved_rows >= self.checkpoint_interval_rows
            or self._clock() - self._saved_at >= self.checkpoint_interval_s
        )

    def _checkpoint(self) -> None:
        self._whole, began = False, self._clock()
        for sink in self._outlets.plain_sinks:
            sink.flush()
        outside = not self._outlets.suppressed and (self._complete or self._news())
        if self._transaction is not None and self._position is not None and outside:
            with self._ahead.paused():
                self._transaction.commit_transaction(self.source, self._position)
        self._record.save(
            self.source,
            {} if self._position is None else {self._name: self._position},
            self.pipeline,
            self._touched,
            rows=self._rows,
            seconds=self._seconds + self._clock() - self._started,
            complete=self._complete,
            taken=self._outlets.written_counts,
        )
        self._outlets.settle()
        if self._transaction is None and self._position is not None and self._commits is not None:
            with self._ahead.paused():
                self._commits.commit(self._position)
        self._share()
        self._touched.clear()
        self._saved_rows, self._saved_at = self._rows, self._clock()
        self._taken, self._saved_position = False, self._position
        self.metrics.count_checkpoint(self._saved_at - began)
        self._whole = True
