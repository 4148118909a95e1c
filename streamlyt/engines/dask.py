"""One call per recording, on Dask: processes of this machine or of a cluster."""

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

_CONNECT_TIMEOUT_S = 10.0
_POLL_S = 0.02


def map_on_dask(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | None = None,
    scheduler: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Result | Exception]]:
    """Call ``work`` with each item in other processes; yield each result when it is ready.

    Dask pickles function and items and sends them to its own processes only: those started here,
    which listen on the loopback interface, or those of the given scheduler.

    Parameters
    ----------
    work
        A function that the workers can import; what it raises is yielded as its result.
    items
        Its arguments; small, as each is sent.
    workers
        Number of processes to start here; None for one per core.
    scheduler
        Address of a running scheduler (``tcp://host:8786``), or its scheduler file
        (``scheduler.json``); None starts processes here.
    stopped
        Polled every 20 ms; once it returns True, the remaining items are abandoned.

    Yields
    ------
    The index of the item, and its result or its exception.

    Raises
    ------
    ParameterError
        If both a number of workers and a scheduler are given, or ``workers`` is below 1.
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
        # Not pure: a path may hold other data at the next call.
        futures = client.map(work, items, pure=False)
        numbers = {future.key: number for number, future in enumerate(futures)}
        completed = as_completed(futures)
        while not completed.is_empty() and not stopped():
            if not completed.has_ready():
                sleep(_POLL_S)  # not within Dask, where Ctrl-C would block
                continue
            for future in completed.next_batch(block=False):
                number = numbers[future.key]
                if isinstance(future.exception(), KilledWorker):
                    killed.append(number)
                else:
                    yield number, _result_of(future)
        # A process that died may have held several items: each is retried alone.
        for number in killed:
            [future] = client.map(work, [items[number]], pure=False)
            while not future.done() and not stopped():
                sleep(_POLL_S)
            if stopped():
                break
            yield number, _result_of(future)


def _result_of(future: Any) -> Any:
    error = future.exception()
    return future.result() if error is None else error


def _client(workers: int | None, scheduler: str | None) -> Client:
    if scheduler is None:
        # One thread each: a recording is the unit of work, and Dask limits BLAS to one thread, too.
        # Messages of its processes about the end of others are noise here.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with _sigint_ignored():
            return Client(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # of its health; any free port
                scheduler_kwargs={"dashboard": False},
                silence_logs="CRITICAL",
            )
    try:
        if Path(scheduler).suffix == ".json":
            Path(scheduler).stat()  # Dask would wait forever for a missing file
            return Client(scheduler_file=scheduler, timeout=_CONNECT_TIMEOUT_S)
        return Client(scheduler, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"a Dask scheduler must answer at {scheduler!r} within {_CONNECT_TIMEOUT_S:.0f} s, got "
            f"{type(error).__name__}: start one with dask scheduler, or leave the option out"
        ) from error


@contextmanager
def _sigint_ignored() -> Iterator[None]:
    """Start child processes that ignore Ctrl-C: this process stops them.

    A child inherits an ignored signal. Here, a Ctrl-C is lost while they start.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
