"""The engine of one process: read, step, write, and now and then make it durable."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from streamlyt.base import Batch, Event, Position, Sink, Source
from streamlyt.catalog import describe, name_of
from streamlyt.errors import ParameterError, RewindError, StateError
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

from ._ends import (
    Commits,
    Refuses,
    Replays,
    Resumes,
    TakesLateRows,
    TakesLetters,
    free,
    transacting,
)

__all__ = ["LocalEngine", "Summary"]


@dataclass(frozen=True)
class Summary:
    """What a run came to, over all its resumptions.

    Parameters
    ----------
    rows
        Rows taken from the source.
    events
        The findings.
    seconds
        Time that it ran.
    complete
        Whether the source came to its end.
    series
        Series -> its rows that came out at the end of the pipeline.
    """

    rows: int
    events: tuple[Event, ...]
    seconds: float
    complete: bool = True
    series: Mapping[str, int] = field(default_factory=dict)


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

    Raises
    ------
    ParameterError
        If a bound of the checkpoints is not positive, or source and run file cannot go along with
        a sink's transactions.

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

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink] = (),
        runfile: RunFile | None = None,
        checkpoint_s: float = 1.0,
        checkpoint_rows: int = 2**14,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if checkpoint_s < 0 or checkpoint_rows < 1:
            raise ParameterError(
                f"checkpoint_s must be at least 0 and checkpoint_rows at least 1, got "
                f"{checkpoint_s!r} and {checkpoint_rows!r}"
            )
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
        self._refuses = source if isinstance(source, Refuses) else None
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
            if self._whole:
                self._checkpoint()
            raise
        self._checkpoint()
        return self.summary()

    def stop(self) -> None:
        """End the run after the batch at hand, with a checkpoint; for signal handlers."""
        self._stopped = True

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
                if self._transaction is not None and isinstance(self.source, Replays):
                    self._silent = True
                    self._follow(
                        self.source.read(self._position, self.source.committed()), progress
                    )
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
        for batch, position in batches:
            self._take(batch, position)
            if progress is not None:
                progress(self._rows)
            if self._whole and self._due():
                self._checkpoint()
            if self._whole and self._stopped:
                break

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
        self._position: Position | None = None
        self._rows = self._saved_rows = 0
        self._events: list[Event] = []
        self._touched: set[str] = set()
        self._series: dict[str, int] = {}
        self._full: dict[str, tuple[str, ...]] = {}
        self._stopped = self._complete = False
        self._whole = True
        self._seconds = 0.0
        if self.runfile is not None:
            meta = self.runfile.meta
            self._refuse_another(meta["pipeline"])
            self._load(self.runfile)
            meta = self.runfile.meta
            self._seconds, self._complete = meta["seconds"], meta["complete"]
        else:
            self._resume(0, 0)
        if self._transaction is not None:
            self._transaction.open()
        self._started = self._saved_at = self._clock()

    def _load(self, runfile: RunFile) -> None:
        self.pipeline.restore(runfile.recover())
        self._position = runfile.position(self._name)
        self._rows = self._saved_rows = runfile.meta["rows"]
        known = runfile.keys()
        self._series = {key: runfile.n_rows(key) for key in known}
        self._touched.clear()
        self._whole = True
        self._resume(sum(self._series.values()), len(runfile.events()))

    def _resume(self, rows: int, events: int) -> None:
        for sink in self._others:
            if isinstance(sink, Resumes):
                sink.resume(rows, events)

    def _take(self, batch: Batch, position: Position | None) -> None:
        self._whole = False
        if batch.n or batch.key in self._series:  # the heartbeat of a series that never was is none
            self._step(batch)
        for letter in () if self._refuses is None else self._refuses.refused():
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
        for late in self.pipeline.aside(batch.key):
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
            self.runfile.write(rows, full=self._full[batch.key])
            for event in events:
                self.runfile.record(event)
        self._touched.add(batch.key)
        self._series[batch.key] = self._series.get(batch.key, 0) + rows.n
        self._rows += batch.n

    def _due(self) -> bool:
        return (
            self._rows - self._saved_rows >= self.checkpoint_rows
            or self._clock() - self._saved_at >= self.checkpoint_s
        )

    def _checkpoint(self) -> None:
        self._whole = False
        for sink in self._others:
            sink.flush()
        if self._transaction is not None and self._position is not None and not self._silent:
            self._transaction.commit(self.source, self._position)
        if self.runfile is not None:
            self.runfile.checkpoint(
                {} if self._position is None else {self._name: self._position},
                self.pipeline.states(self._touched),
                rows=self._rows,
                seconds=self._seconds + self._clock() - self._started,
                complete=self._complete,
            )
        if self._transaction is None and self._position is not None and self._commits is not None:
            self._commits.commit(self._position)
        self._touched.clear()
        self._saved_rows, self._saved_at = self._rows, self._clock()
        self._whole = True

    def _refuse_another(self, saved: str) -> None:
        """Compare source and operators with those that the run file was made for."""
        tables = tomllib.loads(saved)
        if "source" in tables:
            saved_source, source = tables["source"], describe(self.source)
            for name in free(self.source):
                saved_source.pop(name, None)
                source.pop(name, None)
            _compare(saved_source, source, "source")
        if "operators" in tables:
            ours = [describe(operator) for operator in self.pipeline.operators.values()]
            if len(ours) != len(tables["operators"]):
                raise _another("the number of operators", len(tables["operators"]), len(ours))
            for theirs, own in zip(tables["operators"], ours, strict=True):
                theirs.pop("label", None)
                _compare(theirs, own, f"operators.{own['name']}")


def _compare(saved: Any, given: Any, where: str) -> None:
    if isinstance(saved, dict) and isinstance(given, dict):
        for name in [*saved, *(name for name in given if name not in saved)]:
            _compare(saved.get(name), given.get(name), f"{where}.{name}")
    elif saved != given and not (saved != saved and given != given):  # NaN is equal to NaN here
        raise _another(where, saved, given)


def _another(where: str, saved: Any, given: Any) -> StateError:
    return StateError(
        f"{where} must be {saved!r} as in the run to be resumed, got {given!r}; give it back, or "
        f"begin a new run file"
    )
