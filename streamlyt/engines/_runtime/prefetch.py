"""Prefetch: a thread reads the source ahead, up to a number of bytes."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread
from time import monotonic

from streamlyt.core import Batch, DeadLetter, Position, Source
from streamlyt.core.protocols import (
    CountsDroppedRows,
    ProducesDeadLetters,
    SupportsKeepAlive,
    SupportsLag,
)

from .run_metrics import RunMetrics

__all__ = ["Prefetcher", "Read"]

Read = tuple[Batch, Position | None, list[DeadLetter]]
"""A batch, the position after it, and the dead letters before that position."""

_POLL_S = 1.0  # between two polls of the lag, and two keep-alives of a paused source


class Prefetcher:
    """Batches of a source, read by its own thread into a bounded queue.

    A full queue applies backpressure: nothing is read until there is space. All other calls of
    the source are made within :meth:`paused`, as clients are not thread-safe.

    Parameters
    ----------
    source
        Source to read.
    max_bytes
        Bytes of rows in the queue, which one batch may exceed; 0 reads without a thread.
    metrics
        Where queue size and lag are reported.
    """

    def __init__(self, source: Source, max_bytes: int, metrics: RunMetrics) -> None:
        self.source, self.max_bytes, self.metrics = source, max_bytes, metrics
        self._dead_letter_source = source if isinstance(source, ProducesDeadLetters) else None
        self._lag_source = source if isinstance(source, SupportsLag) else None
        self._keep_alive_source = source if isinstance(source, SupportsKeepAlive) else None
        self._counting_source = source if isinstance(source, CountsDroppedRows) else None
        self._dropped = self._rejected = 0
        self._polled_at = -_POLL_S
        self._source_lock = Lock()  # held while the source is used
        self._condition = Condition()  # of the reading and the consuming thread
        self._queue: deque[Read | _End] = deque()
        self._n_pausing = 0  # callers that wait for the source or use it
        self._open = False
        self._reader: Thread | None = None

    @property
    def empty(self) -> bool:
        """Whether the next batch is not read yet; False without a thread."""
        return self.max_bytes > 0 and not self._queue

    def read(self, batches: Iterable[tuple[Batch, Position | None]]) -> Generator[Read, None, None]:
        """Yield what reading the source yields, and raise what it raises, in order."""
        if self.max_bytes:
            yield from self._queued(batches)
            return
        for batch, position in batches:
            yield batch, position, self._take_dead_letters()
            self._poll_source_metrics()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause reading while the source is used for anything else."""
        with self._condition:
            self._n_pausing += 1
        try:
            with self._source_lock:
                yield
        finally:
            with self._condition:
                self._n_pausing -= 1
                self._condition.notify_all()

    def _queued(self, batches: Iterable[tuple[Batch, Position | None]]) -> Iterator[Read]:
        self._close()  # a reading whose end was interrupted would take rows of this one
        self._n_pausing = 0
        self._open = True
        self._queue.clear()
        self.metrics.queued_rows = self.metrics.queued_bytes = 0
        self._reader = Thread(target=self._fill, args=(batches,), name="source", daemon=True)
        self._reader.start()
        try:
            while True:
                with self._condition:
                    self._condition.wait_for(lambda: self._queue)
                    item = self._queue.popleft()
                    if not isinstance(item, _End):
                        self._count(item[0], -1)
                        self._condition.notify_all()
                if not isinstance(item, _End):
                    yield item
                elif item.error is None:
                    return
                else:
                    raise item.error
        finally:
            self._close()

    def _close(self) -> None:
        """End a reading and its thread."""
        with self._condition:
            self._open = False
            self._condition.notify_all()
        if self._reader is not None and self._reader.is_alive():
            self._reader.join()

    def _fill(self, batches: Iterable[tuple[Batch, Position | None]]) -> None:
        end = _End(None)
        try:
            iterator = iter(batches)
            while self._has_space():
                with self._source_lock:
                    read = next(iterator, None)
                    if read is None:
                        break
                    item = *read, self._take_dead_letters()
                    self._poll_source_metrics()
                with self._condition:
                    self._count(item[0], 1)
                    self._queue.append(item)
                    self._condition.notify_all()
        except BaseException as error:  # raised again in the consuming thread
            end = _End(error)
        with self._condition:
            self._queue.append(end)
            self._condition.notify_all()

    def _has_space(self) -> bool:
        """Wait for space and for the source; return False when the reading is closed."""

        def is_decided() -> bool:
            full = self.metrics.queued_bytes >= self.max_bytes
            return not self._open or not (full or self._n_pausing)

        while True:
            with self._condition:
                if self._condition.wait_for(is_decided, timeout=_POLL_S):
                    return self._open
            if self._keep_alive_source is not None:
                with self._source_lock:
                    self._keep_alive_source.keep_alive()
                    self._poll_source_metrics()

    def _count(self, batch: Batch, sign: int) -> None:
        self.metrics.queued_rows += sign * batch.n_rows
        # A heartbeat counts too, so that a queue of heartbeats is bounded.
        self.metrics.queued_bytes += sign * (256 + batch.values.nbytes + batch.times.nbytes)

    def _take_dead_letters(self) -> list[DeadLetter]:
        if self._counting_source is not None:
            self.metrics.dropped_rows += self._counting_source.n_dropped_rows - self._dropped
            self._dropped = self._counting_source.n_dropped_rows
            self.metrics.rejected_rows += self._counting_source.n_rejected_rows - self._rejected
            self._rejected = self._counting_source.n_rejected_rows
        return (
            []
            if self._dead_letter_source is None
            else list(self._dead_letter_source.take_dead_letters())
        )

    def _poll_source_metrics(self) -> None:
        if self._lag_source is not None and monotonic() - self._polled_at >= _POLL_S:
            self.metrics.lag = self._lag_source.lag()
            self._polled_at = monotonic()


class _End:
    """The end of a reading, and the error that ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
