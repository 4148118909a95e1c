"""The engine of one process: read, step, write, and now and then make it durable."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from time import monotonic
from typing import Any

import numpy as np

from streamlyt.base import Batch, Event, Position, Sink, Source
from streamlyt.catalog import name_of
from streamlyt.codecs import DeadLetter
from streamlyt.errors import RewindError
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from ._ahead import Ahead
from ._bounds import check_bounds
from ._ends import Commits, Replays, TakesLateRows, TakesLetters, interrupt, resume, transacting
from ._gauges import Gauges
from ._handover import HandOver
from ._same import refuse_another, refuse_other_operators, renewed
from ._shared import SharedStates
from ._summary import Summary

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
    checkpoint_s, checkpoint_rows
        A checkpoint is made after so many seconds or rows, whichever comes first.
    clock
        Seconds that only grow.
    queue_bytes
        The source is read by a thread of its own, so many bytes of rows ahead at most; a full
        queue pauses it. 0: no thread, each batch is read when the one before it is done.
    gauges
        Where the engine tells how it gets on; counts go on from what they are.
    shared
        Folder for the memory of the partitions of a Kafka group, so that it follows them from one
        process to another.
    keep_rows
        Whether the run file holds the rows; findings, states and positions it holds always.

    Raises
    ------
    ParameterError
        If a bound is out of range, or source and run file cannot go along with a sink's
        transactions or with shared states.

    Examples
    --------
    >>> import numpy as np
    >>> from streamlyt.base import Schema
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
    _events: list[Event]
    _touched: set[str]  # series whose memory is not saved yet
    _series: dict[str, int]
    _full: dict[str, tuple[str, ...]]

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink] = (),
        runfile: RunFile | None = None,
        checkpoint_s: float = 1.0,
        checkpoint_rows: int = 2**14,
        clock: Callable[[], float] = monotonic,
        queue_bytes: int = 0,
        gauges: Gauges | None = None,
        shared: SharedStates | None = None,
        keep_rows: bool = True,
    ) -> None:
        check_bounds(checkpoint_s, checkpoint_rows, queue_bytes, keep_rows, sinks)
        self.source = source
        self.pipeline = pipeline
        self.sinks = tuple(sinks)
        self.runfile = runfile
        self.checkpoint_s = checkpoint_s
        self.checkpoint_rows = checkpoint_rows
        self._clock = clock
        self._name = name_of(source)
        self._transaction, self._others = transacting(source, self.sinks, runfile is not None)
        self._commits = source if isinstance(source, Commits) else None
        self.gauges = Gauges() if gauges is None else gauges
        self._ahead = Ahead(source, queue_bytes, self.gauges)
        self._moves = HandOver(source, shared, runfile is not None)
        self._keep_rows = keep_rows
        self._change: Pipeline | None = None
        self._silent = False  # rows are read again that the sink with transactions has seen
        self._stopped = self._complete = False
        self._whole = True  # no batch is half done, no checkpoint half made

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
        self._begin()
        if self._complete:
            return self.summary()
        try:
            self._read(progress)
            if not self._stopped:
                self._finish()
            self._complete = not self._stopped
        except BaseException:
            # Not whole: a batch is half done, or a checkpoint has failed. The last one stands.
            if self._whole and self._news():
                self._checkpoint()
            raise
        self._checkpoint()
        return self.summary()

    def stop(self) -> None:
        """End the run after the batch at hand, with a checkpoint; for signal handlers."""
        self._stopped = True
        interrupt(self.source)

    def change(self, pipeline: Pipeline) -> None:
        """Go on with operators of other free parameters, from the next batch on, memory kept.

        A checkpoint is made first, so that no row is seen under both. For any thread.

        Raises
        ------
        StateError
            If a parameter differs that is not free, or a label.
        """
        refuse_other_operators(self.pipeline, pipeline)
        self._change = pipeline

    def summary(self) -> Summary:
        """Return what the run has come to so far; where it failed, what had been found by then."""
        events = self._events if self.runfile is None else self.runfile.events()
        seconds = self._seconds + self._clock() - self._started
        if self.runfile is not None:
            seconds = self.runfile.meta["seconds"]
        return Summary(self._rows, tuple(events), seconds, self._complete, dict(self._series))

    def _read(self, progress: Callable[[int], None] | None) -> None:
        while not self._stopped:
            try:
                self._adopt()
                until = None
                if self._transaction is not None and isinstance(self.source, Replays):
                    until = self.source.committed()
                if until is not None and isinstance(self.source, Replays):
                    self._silent = True
                    self._follow(self.source.read(self._position, until), progress)
                    self._checkpoint()
                    self._silent = False
                if not self._stopped:
                    self._follow(self.source.read(self._position), progress)
                return
            except RewindError:
                self._rewind()
            finally:
                self._silent = False

    def _follow(
        self,
        batches: Iterable[tuple[Batch, Position | None]],
        progress: Callable[[int], None] | None,
    ) -> None:
        with closing(self._ahead.read(batches)) as read:
            for one in read:
                if self._whole and self._change is not None:
                    self._go_over(self._change)
                self._take(*one)
                if progress is not None:
                    progress(self._rows)
                if self._whole and self._due():
                    self._checkpoint()
                self.gauges.turned()
                if self._whole and self._stopped:
                    break

    def _go_over(self, changed: Pipeline) -> None:
        """Hand the memory on to operators with other parameters."""
        if self._news():
            self._checkpoint()
        changed.restore(self.pipeline.states())
        changed.adjust()
        self.pipeline, self._change = changed, None
        self._touched = set(changed.states())
        self._renewed = self._text is not None

    def _adopt(self) -> None:
        """Take over the memory of partitions that others went on with."""
        at, memory = self._moves.adopt(self._position)
        if at:
            self._position = {**(self._position or {}), **at}
            self.pipeline.restore({**self.pipeline.states(), **memory})
            self._touched.update(memory)
            self._series = dict.fromkeys(memory, 0) | self._series

    def _share(self) -> None:
        """Put the memory as of the last checkpoint where the next owner of a partition looks."""
        if self._position is not None and not self._silent:
            last = self._stopped or self._complete
            self._moves.share(self._position, self.pipeline, self._series, last)

    def _rewind(self) -> None:
        """Go back to the last checkpoint; without a run file, make one instead."""
        if self.runfile is None:
            self._checkpoint()
            return
        if self._transaction is not None:
            self._transaction.abort()
        self.runfile.forget()
        self._load(self.runfile)

    def _begin(self) -> None:
        self._position = self._saved_position = None
        self._taken = False  # rows or letters, since the last checkpoint
        self._rows = self._saved_rows = 0
        self._events, self._touched, self._series, self._full = [], set(), {}, {}
        self._stopped, self._complete, self._whole = False, False, True
        self._text: str | None = None  # source and operators, as the run file has them
        self._renewed = False  # they are others now
        self._seconds = 0.0
        if self.runfile is not None:
            meta = self.runfile.meta
            self._text = meta["pipeline"]
            self._renewed = refuse_another(self._text, self.source, self.pipeline)
            self._load(self.runfile)
            meta = self.runfile.meta
            if self._renewed:  # what is kept was made under other free parameters
                self.pipeline.adjust()
                self._touched = set(self.pipeline.states())
            self._seconds, self._complete = meta["seconds"], meta["complete"]
        else:
            resume(self._others, 0, 0)
        if self._transaction is not None:
            self._transaction.open()
        self._started = self._saved_at = self._clock()

    def _load(self, runfile: RunFile) -> None:
        self.pipeline.restore(runfile.recover())
        self._position = runfile.position(self._name)
        self._rows = self._saved_rows = runfile.meta["rows"]
        self._taken, self._saved_position = False, self._position
        known = runfile.keys()
        self._series = dict.fromkeys(self.pipeline.states(), 0)
        self._series |= {key: runfile.n_rows(key) for key in known}
        self._touched.clear()
        self._moves.begin()
        self._whole = True
        resume(self._others, sum(self._series.values()), len(runfile.events()))

    def _take(self, batch: Batch, position: Position | None, letters: list[DeadLetter]) -> None:
        self._whole = False
        self._taken = self._taken or batch.n > 0 or bool(letters)
        self.gauges.took(batch)
        if batch.n or batch.key in self._series:  # the heartbeat of a series that never was is none
            self._step(batch)
        self.gauges.letters += len(letters)
        for letter in letters:
            for sink in self._others if self._silent else self.sinks:
                if isinstance(sink, TakesLetters):
                    sink.refuse(letter)
            if self.runfile is not None:
                self.runfile.refuse(letter)
        if position is not None:
            self._position = position
            self._whole = True

    def _finish(self) -> None:
        """Let go of the rows that operators hold back for others that may come: none will."""
        self._whole = False
        schema = self.source.schema
        for key in list(self._series):
            none = Batch(key, np.empty(0, np.int64), np.empty((0, schema.width)), schema)
            self._step(none, last=True)
        self._whole = True

    def _step(self, batch: Batch, last: bool = False) -> None:
        rows, events = self.pipeline.finish(batch) if last else self.pipeline.step(batch)
        if last and not rows.n and not events:
            return  # nothing was held back, as with most operators
        self.gauges.events += len(events)
        for late in self.pipeline.aside(batch.key):
            self.gauges.late += late.n
            for sink in self._others if self._silent else self.sinks:
                if isinstance(sink, TakesLateRows):
                    sink.set_aside(late)
            if self.runfile is not None:
                self.runfile.set_aside(late)
        for sink in self._others if self._silent else self.sinks:
            sink.write(rows)
            for event in events:
                sink.record(event)
        if self.runfile is None:
            self._events += events
        else:
            if batch.key not in self._full:
                self._full[batch.key] = self.pipeline.appended(batch.key)
            if self._keep_rows:
                self.runfile.write(rows, full=self._full[batch.key])
            for event in events:
                self.runfile.record(event)
        self._touched.add(batch.key)
        if batch.n:
            self._moves.took(batch.key)
        self._series[batch.key] = self._series.get(batch.key, 0) + rows.n
        self._rows += batch.n

    def _news(self) -> bool:
        """Tell whether there is anything that the last checkpoint does not have."""
        return self._taken or self._renewed or self._position != self._saved_position

    def _due(self) -> bool:
        if not self._news():
            self.gauges.idle()
            self._share()
            return False
        return (
            self._rows - self._saved_rows >= self.checkpoint_rows
            or self._clock() - self._saved_at >= self.checkpoint_s
        )

    def _checkpoint(self) -> None:
        self._whole, began = False, self._clock()
        for sink in self._others:
            sink.flush()
        outside = not self._silent and (self._complete or self._news())
        if self._transaction is not None and self._position is not None and outside:
            with self._ahead.still():
                self._transaction.commit(self.source, self._position)
        if self.runfile is not None:
            more: dict[str, Any] = {}
            if self._renewed and self._text is not None:
                more["pipeline"] = renewed(self._text, self.source, self.pipeline)
            self.runfile.checkpoint(
                {} if self._position is None else {self._name: self._position},
                self.pipeline.states(self._touched),
                rows=self._rows,
                seconds=self._seconds + self._clock() - self._started,
                complete=self._complete,
                **more,
            )
            self._text, self._renewed = more.get("pipeline", self._text), False
        if self._transaction is None and self._position is not None and self._commits is not None:
            with self._ahead.still():
                self._commits.commit(self._position)
        self._share()
        self._touched.clear()
        self._saved_rows, self._saved_at = self._rows, self._clock()
        self._taken, self._saved_position = False, self._position
        self.gauges.saved(self._saved_at - began)
        self._whole = True
