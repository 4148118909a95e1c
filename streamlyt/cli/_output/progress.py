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
    """Show on a terminal how many rows of a total were taken, if that is known."""
    # A pipe or a log file gets the closing line only.
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Gone when done: the closing line says how many there were.
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        yield _Advance(bar, title, total)


class _Advance:
    """Shows how many rows were taken."""

    def __init__(self, bar: Progress, title: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(title, total=total)

    def __call__(self, rows: int) -> None:
        self._bar.update(self._task, completed=rows)


def report_compilation() -> None:
    """Say that kernels are compiled, and where the machine code is kept."""
    echo_status(compiling_notice())


@contextmanager
def stop_on_interrupt(stop: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C end what is going on after the piece at hand, so that no whole piece is lost.

    Yields what tells whether it came. A second Ctrl-C is the usual one.
    """
    came = Event()

    def heard(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        came.set()
        stop()

    before = signal.signal(signal.SIGINT, heard)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)
