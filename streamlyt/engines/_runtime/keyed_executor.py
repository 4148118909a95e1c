"""Series side by side: each one's batches in order, those of several on threads of their own."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from streamlyt.core import Batch, DeadLetter, Position
from streamlyt.pipeline import Pipeline

from .step import Processed, ProcessedBatch, process

__all__ = ["KeyedExecutor"]

AHEAD = 4  # batches a thread that may be under way: enough that none waits for the one that writes


class KeyedExecutor:
    """Batches under way: they come out in the order in which they went in.

    All batches of a series go through the same thread, so that its memory sees them in order, and
    what comes out does not depend on how many threads there are. The loops let go of Python's
    lock; what is not compiled is done by one thread at a time, whatever their number.

    Parameters
    ----------
    threads
        How many; with 1 there is none beside the caller's.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._workers: list[ThreadPoolExecutor] = []
        self._worker_of: dict[str, int] = {}  # of each series
        self._pending: deque[tuple[Batch, Position | None, list[DeadLetter], Future[Processed]]]
        self._pending = deque()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the threads for the length of a reading; what is under way then is dropped."""
        if self.threads > 1:
            self._workers = [ThreadPoolExecutor(1, "lane") for _ in range(self.threads)]
        try:
            yield
        finally:
            for pool in self._workers:
                pool.shutdown(cancel_futures=True)
            self._workers = []
            self._pending.clear()

    def __len__(self) -> int:
        return len(self._pending)

    def ready(self, idle: bool = False) -> bool:
        """Tell whether the oldest batch should land: it is done, or another could not go in.

        Parameters
        ----------
        idle
            No other batch is there yet: then none waits under way for those that may come.
        """
        most = AHEAD * self.threads if self._workers else 1
        waiting = self._pending
        return bool(waiting) and (idle or len(waiting) >= most or waiting[0][3].done())

    def submit(
        self,
        pipeline: Pipeline | None,
        batch: Batch,
        position: Position | None,
        letters: list[DeadLetter],
        last: bool = False,
    ) -> None:
        """Send a batch on its way; without a pipeline nothing is made of it."""
        if self._workers and pipeline is not None:
            lane = self._worker_of.setdefault(batch.key, len(self._worker_of) % self.threads)
            made = self._workers[lane].submit(process, pipeline, batch, last)
        else:
            made = Future()
            try:
                made.set_result(
                    ({}, [], []) if pipeline is None else process(pipeline, batch, last)
                )
            except BaseException as error:  # raised where it lands, in its turn
                made.set_exception(error)
        self._pending.append((batch, position, letters, made))

    def take_next(self) -> ProcessedBatch:
        """Return the oldest batch, or raise what an operator raised over it."""
        batch, position, letters, made = self._pending.popleft()
        return ProcessedBatch(batch, position, letters, *made.result())
