"""Keyed parallelism: batches of a series in order, those of several series on worker threads."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from streamlyt.core import Batch, DeadLetter, Position
from streamlyt.pipeline import Pipeline

from .step import ProcessedBatch, process

__all__ = ["KeyedExecutor"]

PENDING_PER_THREAD = 4  # enough that no worker waits for the thread that writes


class KeyedExecutor:
    """Batches being processed: they leave in the order in which they were submitted.

    All batches of a series run on the same worker, so that its state sees them in order and the
    output does not depend on the number of threads. Compiled loops release the GIL; all other
    code runs on one thread at a time, whatever their number.

    Parameters
    ----------
    threads
        Number of workers; 1 processes batches on the calling thread.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._workers: list[ThreadPoolExecutor] = []
        self._worker_of: dict[str, int] = {}  # of each series
        self._pending: deque[Future[ProcessedBatch]] = deque()
        self._n_unfinished = 0  # submitted and not taken: their states may be ahead of the output

    @contextmanager
    def open(self) -> Iterator[None]:
        """Start the workers; at the end stop them and drop what is pending, but still count it."""
        self._n_unfinished = 0
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
        """Return how many batches were submitted and not taken, dropped ones included."""
        return self._n_unfinished

    def ready(self, idle: bool = False) -> bool:
        """Return whether the oldest batch is to be taken: it is done, or the executor is full.

        Parameters
        ----------
        idle
            Whether no further batch is available yet: then none stays pending.
        """
        most = PENDING_PER_THREAD * self.threads if self._workers else 1
        waiting = self._pending
        return bool(waiting) and (idle or len(waiting) >= most or waiting[0].done())

    def submit(
        self,
        pipeline: Pipeline | None,
        batch: Batch,
        position: Position | None,
        dead_letters: list[DeadLetter],
        last: bool = False,
    ) -> None:
        """Process a batch, on the worker of its series; see :func:`process`."""
        self._n_unfinished += 1
        read = (pipeline, batch, position, dead_letters, last)
        if self._workers and pipeline is not None:
            worker = self._worker_of.setdefault(batch.key, len(self._worker_of) % self.threads)
            done = self._workers[worker].submit(process, *read)
        else:
            done = Future()
            try:
                done.set_result(process(*read))
            except BaseException as error:  # raised in its turn, by take_next
                done.set_exception(error)
        self._pending.append(done)

    def take_next(self) -> ProcessedBatch:
        """Return the oldest batch, or raise what an operator raised over it."""
        done = self._pending.popleft().result()
        self._n_unfinished -= 1
        return done

    def discard_pending(self) -> None:
        """Drop all batches; when it returns, no worker touches a state."""
        for done in self._pending:
            done.cancel()
        wait(self._pending)
        self._pending.clear()
        self._n_unfinished = 0
