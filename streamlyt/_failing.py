"""What is still to be done after a failure, without the failure being lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Closes", "closing_all", "message_of", "noting"]


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
