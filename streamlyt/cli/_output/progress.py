"""Progress bars and interrupts of long commands."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamlyt.cli.error_handling import echo_status
from streamlyt.core.numerics.jit import compiling_notice

__all__ = ["progress_of", "report_compilation", "stop_on_interrupt"]


@contextmanager
def progress_of(title: str, total: int | None) -> Iterator["_Advance | None"]:
    """Show a progress bar of processed rows on a terminal."""
    # A pipe or a log file gets the closing line only.
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Transient: the closing line reports the number of rows.
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        yield _Advance(bar, title, total)


class _Advance:
    """Updates the progress bar."""

    def __init__(self, bar: Progress, title: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=total)

    def __call__(self, rows: int) -> None:
        self._bar.update(self._task, completed=rows)


def report_compilation() -> None:
    """Report that kernels are being compiled, and the location of the cache."""
    echo_status(compiling_notice())


@contextmanager
def stop_on_interrupt(stop: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C stop a run after the current batch, so that no complete batch is lost.

    Yields a function that returns whether Ctrl-C was pressed. A second Ctrl-C interrupts at once.
    """
    interrupted = Event()

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        interrupted.set()
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
