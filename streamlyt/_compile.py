"""The one decorator of our compiled loops: numba, nogil, cached in the user's cache folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from numba import njit
from numba.core import config, event
from platformdirs import user_cache_path

__all__ = ["compiled", "kernel_cache", "told_of_compiling"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel_cache() -> str:
    """Return the folder of compiled kernels: ``NUMBA_CACHE_DIR``, or ours in the user's cache."""
    return os.environ.get("NUMBA_CACHE_DIR") or str(user_cache_path("streamlyt") / "kernels")


def compiled(**flags: Any) -> Callable[[F], F]:
    """Compile a loop on its first call and keep the machine code between processes.

    Parameters
    ----------
    **flags
        Handed to :func:`numba.njit` beside ``cache`` and ``nogil``, ``fastmath`` for one.

    Notes
    -----
    numba would write into ``__pycache__`` beside the source, or beside a user's data if he copied
    ours there. It reads its cache folder when a function is decorated, so the folder is set for
    that moment only and other users of numba in the process keep theirs. Where nothing can be
    written (a home that is read-only), each process compiles for itself.
    """

    def decorate(function: F) -> F:
        before = config.CACHE_DIR
        config.CACHE_DIR = kernel_cache()
        try:
            result: F = njit(cache=True, nogil=True, **flags)(function)
        except RuntimeError:  # numba's word for: no folder takes the machine code
            result = njit(nogil=True, **flags)(function)
        finally:
            config.CACHE_DIR = before
        return result

    return decorate


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Call ``tell`` when the first loop is compiled, not merely read from the cache.

    Yields a function that says whether that has happened.
    """
    once = _Once(tell)
    with event.install_listener("numba:compile", once):
        yield lambda: once.done


class _Once(event.Listener):
    def __init__(self, tell: Callable[[], None]) -> None:
        self.done = False
        self._tell = tell

    def on_start(self, event: Any) -> None:
        if not self.done:
            self.done = True
            self._tell()

    def on_end(self, event: Any) -> None:
        """Nothing is said at the end."""
