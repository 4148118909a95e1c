"""Error messages of one line, and exit statuses."""

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from streamlyt.core.errors import ParameterError, StreamlytError, message_of

__all__ = ["ERROR", "FOUND", "STOPPED", "USAGE", "echo_status", "guarded"]

ERROR, USAGE, FOUND, STOPPED = 1, 2, 3, 130

P = ParamSpec("P")


def echo_status(text: str) -> None:
    """Print a status line to stderr."""
    print(text, file=sys.stderr, flush=True)


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """Wrap a command that returns its exit status, so that no failure shows a traceback.

    Unexpected exceptions (bugs) keep their traceback, for bug reports.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()
        except ParameterError as error:
            status = _fail(message_of(error), USAGE)
        except BrokenPipeError:
            # The reader of the pipe (head, less) has exited: not an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = 0
        except StreamlytError as error:
            status = _fail(message_of(error), ERROR)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            status = _fail(f"{error.strerror or error}{where}", ERROR)
        except KeyboardInterrupt as stop:
            details = [*map(str, stop.args), *getattr(stop, "__notes__", [])]
            status = _fail("; ".join(["stopped by Ctrl-C", *details]), STOPPED)
        raise typer.Exit(status)

    return run


def _fail(message: str, status: int) -> int:
    echo_status(f"streamlyt: {message}")
    return status
