"""Series side by side: each one's batches in order, those of several on threads of their own."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from streamlyt.base import Batch, Event, Position
from streamlyt.codecs import DeadLetter
from streamlyt.pipeline import Pipeline

__all__ = ["Landed", "Lanes"]

AHEAD = 4  # batches a thread that may be under way: enough that none waits for the one that writes


class Landed(NamedTuple):
    """A batch, what was read with it, and what the pipeline made of it.

    Parameters
    ----------
    batch, position, letters
        As read; ``position`` is None in the midst of rows that only go together.
    rows, events, late
        What came out at each place, the findings, and the rows that came too late. None of them
        where nothing was asked of the pipeline.
    """

    batch: Batch
    position: Position | None
    letters: list[DeadLetter]
    rows: Mapping[str, Batch]
    events: list[Event]
    late: list[Batch]


_Made = tuple[Mapping[str, Batch], list[Event], list[Batch]]


class Lanes:
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
        self._pools: list[ThreadPoolExecutor] = []
        self._lane: dict[str, int] = {}  # of each series
        self._under_way: deque[tuple[Batch, Position | None, list[DeadLetter], Future[_Made]]]
        self._under_way = deque()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the threads for the length of a reading; what is under way then is dropped."""
        if self.threads > 1:
            self._pools = [ThreadPoolExecutor(1, "lane") for _ in range(self.threads)]
        try:
            yield
        finally:
            for pool in self._pools:
                pool.shutdown(cancel_futures=True)
            self._pools = []
            self._under_way.clear()

    def __len__(self) -> int:
        return len(self._under_way)

    def due(self, idle: bool = False) -> bool:
        """Tell whether the oldest batch should land: it is done, or another could not go in.

        Parameters
        ----------
        idle
            No other batch is there yet: then none waits under way for those that may come.
        """
        most = AHEAD * self.threads if self._pools else 1
        waiting = self._under_way
        return bool(waiting) and (idle or len(waiting) >= most or waiting[0][3].done())

    def start(
        self,
        pipeline: Pipeline | None,
        batch: Batch,
        position: Position | None,
        letters: list[DeadLetter],
        last: bool = False,
    ) -> None:
        """Send a batch on its way; without a pipeline nothing is made of it."""
        if self._pools and pipeline is not None:
            lane = self._lane.setdefault(batch.key, len(self._lane) % self.threads)
            made = self._pools[lane].submit(_made, pipeline, batch, last)
        else:
            made = Future()
            try:
                made.set_result(({}, [], []) if pipeline is None else _made(pipeline, batch, last))
            except BaseException as error:  # raised where it lands, in its turn
                made.set_exception(error)
        self._under_way.append((batch, position, letters, made))

    def land(self) -> Landed:
        """Return the oldest batch, or raise what an operator raised over it."""
        batch, position, letters, made = self._under_way.popleft()
        return Landed(batch, position, letters, *made.result())


def _made(pipeline: Pipeline, batch: Batch, last: bool) -> _Made:
    rows, events = pipeline.finish(batch) if last else pipeline.step(batch)
    return rows, events, pipeline.aside(batch.key)
