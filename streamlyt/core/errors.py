"""Exceptions of streamlyt: one base class; each leaf is also the matching built-in error.

::

    StreamlytError
    ├── ParameterError (ValueError)       an invalid parameter, option or setting
    ├── DataError (ValueError)            rows that violate their schema: NaN, width, time order
    │   └── FormatError                   a file or message that cannot be decoded
    │       └── DecodeError               one message; the others are still read
    ├── StateError (ValueError)           a saved state of another version or configuration
    ├── SourceError (OSError)             an external system that cannot be read
    │   └── RebalanceError            the partition assignment changed
    ├── SinkError (OSError)               an external system that cannot be written
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
    """Base class of all errors that streamlyt raises on purpose."""


class ParameterError(StreamlytError, ValueError):
    """An invalid parameter; the message states its name, its value and the condition."""


class DataError(StreamlytError, ValueError):
    """Rows that violate their schema: NaN, another width, or decreasing time."""


class FormatError(DataError):
    """A file or message whose bytes cannot be decoded."""


class DecodeError(FormatError):
    """One message that cannot be decoded; its text is the reason in the dead letter."""


class StateError(StreamlytError, ValueError):
    """A saved state that does not match the version, operator or parameters."""


class SourceError(StreamlytError, OSError):
    """An external system that cannot be read."""


class RebalanceError(SourceError):
    """The partition assignment changed: the engine rewinds to its last checkpoint."""


class SinkError(StreamlytError, OSError):
    """An external system that cannot be written; nothing committed earlier is lost."""


class MissingDependencyError(StreamlytError, ImportError):
    """An optional dependency that is not installed.

    Parameters
    ----------
    package
        Import name of the missing package.
    extra
        Extra of streamlyt that installs it.

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
    """Return the prefix of a message about one series; empty for a series without a name.

    Examples
    --------
    >>> series_prefix("left"), series_prefix("")
    ("series 'left': ", '')
    """
    return f"series {key!r}: " if key else ""


class Closes(Protocol):
    """An object that can be closed."""

    def close(self) -> None:
        """Close it."""


@contextmanager
def noting(error: BaseException, what: str) -> Iterator[None]:
    """Add an error within the block to an earlier error as a note, instead of raising it.

    Handlers decide by the type of the error, so the first one must be the one raised.

    Parameters
    ----------
    error
        The earlier error.
    what
        What could not be done if the block fails.

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
    """Close all objects after a block, in order; an error of the block stays the one raised.

    Parameters
    ----------
    *things
        Objects to close.

    Raises
    ------
    Exception
        If the block succeeds and an object cannot be closed: the error of the first one, with
        those of the others as notes.

    Examples
    --------
    >>> class Socket:
    ...     def close(self):
    ...         raise ValueError("it is stuck")
    >>> with closing_all(Socket()):
    ...     raise KeyError("lost")
    Traceback (most recent call last):
    KeyError: 'lost'
    Socket cannot be closed: it is stuck
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
    """Return the message of an error and its notes as one line."""
    return "; ".join([str(error), *getattr(error, "__notes__", [])])


def unknown_name_error(what: str, given: str, known: list[str]) -> ParameterError:
    """Return the error for an unknown name, with similar known names."""
    near = get_close_matches(given, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(known)}"
    return ParameterError(f"{what} must be a known one, got {given!r}; {hint}")
