"""Reading a source ahead of who takes its batches, up to a bound of bytes."""

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
"""A batch, the position after it, and what could not be decoded before that position."""

_LOOK_S = 1.0  # between two looks at the lag, and at a source that is held up


class Prefetcher:
    """Batches of a source, read by a thread of its own into a bounded queue.

    A full queue holds the source up: nothing is read until there is room. Whoever asks the source
    for anything else meanwhile does so under :meth:`still`, as clients are made for one thread.

    Parameters
    ----------
    source
        What is read.
    most_bytes
        Bytes of rows in the queue, which one batch may exceed; 0 reads without a thread.
    gauges
        Where the depth of the queue and the lag are told.
    """

    def __init__(self, source: Source, most_bytes: int, gauges: RunMetrics) -> None:
        self.source, self.most_bytes, self.gauges = source, most_bytes, gauges
        self._refuses = source if isinstance(source, ProducesDeadLetters) else None
        self._lags = source if isinstance(source, SupportsLag) else None
        self._holds = source if isinstance(source, SupportsKeepAlive) else None
        self._drops = source if isinstance(source, CountsDroppedRows) else None
        self._dropped = self._refused = 0
        self._looked_at = -_LOOK_S
        self._source_lock = Lock()  # to the source
        self._condition = Condition()  # of the thread that reads and the one that takes
        self._queue: deque[Read | _End] = deque()
        self._wanted = 0  # how many wait for the source to be still
        self._open = False

    @property
    def empty(self) -> bool:
        """Whether the next batch has to be waited for; False where that is not known."""
        return self.most_bytes > 0 and not self._queue

    def read(self, batches: Iterable[tuple[Batch, Position | None]]) -> Generator[Read, None, None]:
        """Yield what a reading of the source gives, and raise what it raises, in its order."""
        if self.most_bytes:
            yield from self._through_the_queue(batches)
            return
        for batch, position in batches:
            yield batch, position, self._letters()
            self._poll_source_metrics()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nobody read while something else is asked of the source."""
        with self._condition:
            self._wanted += 1
        try:
            with self._source_lock:
                yield
        finally:
            with self._condition:
                self._wanted -= 1
                self._condition.notify_all()

    def _through_the_queue(
        self, batches: Iterable[tuple[Batch, Position | None]]
    ) -> Iterator[Read]:
        self._open = True
        self._queue.clear()
        self.gauges.queued_rows = self.gauges.queued_bytes = 0
        reader = Thread(target=self._fill, args=(batches,), name="source", daemon=True)
        reader.start()
        try:
            while True:
                with self._condition:
                    self._condition.wait_for(lambda: self._queue)
                    one = self._queue.popleft()
                    if not isinstance(one, _End):
                        self._count(one[0], -1)
                        self._condition.notify_all()
                if not isinstance(one, _End):
                    yield one
                elif one.error is None:
                    return
                else:
                    raise one.error
        finally:
            with self._condition:
                self._open = False
                self._condition.notify_all()
            reader.join()

    def _fill(self, batches: Iterable[tuple[Batch, Position | None]]) -> None:
        end = _End(None)
        try:
            coming = iter(batches)
            while self._has_room():
                with self._source_lock:
                    read = next(coming, None)
                    if read is None:
                        break
                    one = *read, self._letters()
                    self._poll_source_metrics()
                with self._condition:
                    self._count(one[0], 1)
                    self._queue.append(one)
                    self._condition.notify_all()
        except BaseException as error:  # raised again where the batches are taken
            end = _End(error)
        with self._condition:
            self._queue.append(end)
            self._condition.notify_all()

    def _has_room(self) -> bool:
        """Wait for room and for the source to be free; False where nobody takes any more."""

        def settled() -> bool:
            full = self.gauges.queued_bytes >= self.most_bytes
            return not self._open or not (full or self._wanted)

        while True:
            with self._condition:
                if self._condition.wait_for(settled, timeout=_LOOK_S):
                    return self._open
            if self._holds is not None:
                with self._source_lock:
                    self._holds.keep_alive()
                    self._poll_source_metrics()

    def _count(self, batch: Batch, sign: int) -> None:
        self.gauges.queued_rows += sign * batch.n_rows
        # A heartbeat costs something too, so that a queue of them has an end.
        self.gauges.queued_bytes += sign * (256 + batch.values.nbytes + batch.times.nbytes)

    def _letters(self) -> list[DeadLetter]:
        if self._drops is not None:
            self.gauges.dropped_rows += self._drops.n_dropped_rows - self._dropped
            self._dropped = self._drops.n_dropped_rows
            self.gauges.rejected_rows += self._drops.n_rejected_rows - self._refused
            self._refused = self._drops.n_rejected_rows
        return [] if self._refuses is None else list(self._refuses.take_dead_letters())

    def _poll_source_metrics(self) -> None:
        if self._lags is not None and monotonic() - self._looked_at >= _LOOK_S:
            self.gauges.lag = self._lags.lag()
            self._looked_at = monotonic()


class _End:
    """The end of a reading, and what ended it before its time."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
