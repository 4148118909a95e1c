"""One call for each of many recordings, on Dask: the processes of this machine or of a centre."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from time import sleep
from typing import Any, TypeVar

from distributed import Client, KilledWorker, as_completed

from streamlyt.core.errors import ParameterError, SourceError

__all__ = ["map_on_dask"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_REACHED_S = 10.0
_ASKED_S = 0.02


def map_on_dask(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | None = None,
    scheduler: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Result | Exception]]:
    """Call ``work`` with each item in other processes; yield what comes of each, as it comes.

    What leaves here is pickled by Dask and goes to its own processes only: those begun here, which
    listen on the loopback, or those of the scheduler that was named.

    Parameters
    ----------
    work
        A function that can be imported there; what it raises is yielded in place of its result.
    items
        What it is called with; few bytes each.
    workers
        How many processes to begin here; None for one a core.
    scheduler
        Address of a scheduler that is there already (``tcp://host:8786``), or the file in which it
        says where it is (``scheduler.json``); None to begin processes here.
    stopped
        Asked some times a second; where it says so, what is left is given up.

    Yields
    ------
    The number of the item, and its result or its failure.

    Raises
    ------
    ParameterError
        If both a number of workers and a scheduler are named, or ``workers`` is below 1.
    SourceError
        If the scheduler cannot be reached.

    Examples
    --------
    >>> sorted(map_on_dask(len, ["one", "three"], workers=1))
    [(0, 3), (1, 5)]
    """
    if workers is not None and workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers!r}")
    if workers is not None and scheduler is not None:
        raise ParameterError("a scheduler has workers of its own: name it, or their number here")
    killed = []
    with _client(workers, scheduler) as client:
        # Not pure: the same name may be another file the next time.
        futures = client.map(work, items, pure=False)
        numbers = {future.key: number for number, future in enumerate(futures)}
        completed = as_completed(futures)
        while not completed.is_empty() and not stopped():
            if not completed.has_ready():
                sleep(_ASKED_S)  # and not within Dask, which an interrupt there would leave hanging
                continue
            for future in completed.next_batch(block=False):
                number = numbers[future.key]
                if isinstance(future.exception(), KilledWorker):
                    killed.append(number)
                else:
                    yield number, _came(future)
        # A process that died may have held another item, too: each is tried again alone.
        for number in killed:
            [future] = client.map(work, [items[number]], pure=False)
            while not future.done() and not stopped():
                sleep(_ASKED_S)
            if stopped():
                break
            yield number, _came(future)


def _came(future: Any) -> Any:
    failure = future.exception()
    return future.result() if failure is None else failure


def _client(workers: int | None, scheduler: str | None) -> Client:
    if scheduler is None:
        # One thread each: a recording is the unit, and BLAS is told by Dask to be alone, too.
        # What its processes say of one another's end is of no use to who asked for results.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with _unheard_ctrl_c():
            return Client(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # of its health; any port that is free
                scheduler_kwargs={"dashboard": False},
                silence_logs="CRITICAL",
            )
    try:
        if Path(scheduler).suffix == ".json":
            Path(scheduler).stat()  # for one that is not there Dask waits without an end
            return Client(scheduler_file=scheduler, timeout=_REACHED_S)
        return Client(scheduler, timeout=_REACHED_S)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"a Dask scheduler must answer at {scheduler!r} within {_REACHED_S:.0f} s, got "
            f"{type(error).__name__}: begin one with dask scheduler, or leave the option out"
        ) from error


@contextmanager
def _unheard_ctrl_c() -> Iterator[None]:
    """Let the processes that are begun here leave Ctrl-C to this one, which ends them.

    What is ignored is ignored by a child, too; it is lost here while they begin.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
