"""The tree of failures: one base, each leaf also the built-in error a caller would expect.

::

    StreamlytError
    ├── ParameterError (ValueError)       a parameter, flag or setting that cannot hold
    ├── DataError (ValueError)            rows that break a rule: NaN, width, order of time
    │   └── FormatError                   a file or message that cannot be decoded
    │       └── DecodeError               one message; the others are read on
    ├── StateError (ValueError)           a saved state of another version or configuration
    ├── SourceError (OSError)             an outside system that cannot be read
    │   └── RebalanceError                   rows since the last checkpoint are another's to read
    ├── SinkError (OSError)               an outside system that cannot be written
    └── MissingDependencyError (ImportError)   an optional dependency that is not installed
"""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Protocol

__all__ = [
    "Closes",
    "DataError",
    "DecodeError",
    "FormatError",
    "MissingDependencyError",
    "ParameterError",
    "RebalanceError",
    "SinkError",
    "SourceError",
    "StateError",
    "StreamlytError",
    "closing_all",
    "message_of",
    "noting",
    "series_prefix",
    "unknown_name_error",
]


class StreamlytError(Exception):
    """Base of every failure that streamlyt raises on purpose."""


class ParameterError(StreamlytError, ValueError):
    """A parameter that cannot hold; the message names it, its value and what must hold."""


class DataError(StreamlytError, ValueError):
    """Rows that break a rule of their schema: NaN, another width, time that goes back."""


class FormatError(DataError):
    """A file or message whose bytes cannot be decoded."""


class DecodeError(FormatError):
    """One message that cannot be decoded; its text is the reason that its dead letter tells."""


class StateError(StreamlytError, ValueError):
    """A saved state that does not fit: another version, operator or parameter."""


class SourceError(StreamlytError, OSError):
    """An outside system that cannot be read."""


class RebalanceError(SourceError):
    """What a source reads has changed hands: the engine goes back to its last checkpoint."""


class SinkError(StreamlytError, OSError):
    """An outside system that cannot be written; nothing committed before it is lost."""


class MissingDependencyError(StreamlytError, ImportError):
    """An optional dependency that is not installed.

    Parameters
    ----------
    package
        The import name that is missing.
    extra
        The extra of streamlyt that brings it.

    Examples
    --------
    >>> print(MissingDependencyError("MDAnalysis", "md"))
    MDAnalysis is needed here and is not installed: pip install 'streamlyt[md]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed here and is not installed: pip install 'streamlyt[{extra}]'"
        )


def series_prefix(key: str) -> str:
    """Return how a message about one series begins: nothing where there is but one, without a name.

    Examples
    --------
    >>> series_prefix("left"), series_prefix("")
    ("series 'left': ", '')
    """
    return f"series {key!r}: " if key else ""


class Closes(Protocol):
    """Something to be closed."""

    def close(self) -> None:
        """Close it."""


@contextmanager
def noting(error: BaseException, what: str) -> Iterator[None]:
    """Add a failure within the block to an error as a note, instead of raising it in its place.

    Whoever handles the error decides by its type what comes next: it must stay the first one.

    Parameters
    ----------
    error
        What failed first.
    what
        What the block fails to do.

    Examples
    --------
    >>> error = OSError("the broker is away")
    >>> with noting(error, "no checkpoint could be made after it"):
    ...     raise ValueError("the disk is full")
    >>> message_of(error)
    'the broker is away; no checkpoint could be made after it: the disk is full'
    """
    try:
        yield
    except Exception as failure:
        error.add_note(f"{what}: {message_of(failure)}")


@contextmanager
def closing_all(*things: Closes) -> Iterator[None]:
    """Close things after a block, in order, all of them, and let its error be the one raised.

    Parameters
    ----------
    *things
        What is closed.

    Raises
    ------
    Exception
        If the block succeeds and a thing cannot be closed: the error of the first one, with those
        of others as notes.

    Examples
    --------
    >>> class Door:
    ...     def close(self):
    ...         raise ValueError("it is stuck")
    >>> with closing_all(Door()):
    ...     raise KeyError("lost")
    Traceback (most recent call last):
    KeyError: 'lost'
    Door cannot be closed: it is stuck
    """
    try:
        yield
    except BaseException as error:
        _close(things, error)
        raise
    _close(things, None)


def _close(things: tuple[Closes, ...], error: BaseException | None) -> None:
    first: Exception | None = None
    for thing in things:
        try:
            thing.close()
        except Exception as failure:
            reported = error or first
            if reported is None:
                first = failure
            else:
                reported.add_note(f"{type(thing).__name__} cannot be closed: {message_of(failure)}")
    if first is not None:
        raise first


def message_of(error: BaseException) -> str:
    """Return the message of an error and its notes, in one line."""
    return "; ".join([str(error), *getattr(error, "__notes__", [])])


def unknown_name_error(what: str, given: str, known: list[str]) -> ParameterError:
    """Return the error for a name that nobody knows, with those that it may have meant."""
    near = get_close_matches(given, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}"
    return ParameterError(f"{what} must be a known one, got {given!r}; {hint}")
