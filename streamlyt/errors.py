"""The tree of failures: one base, each leaf also the built-in error a caller would expect.

::

    StreamlytError
    ├── ParameterError (ValueError)       a parameter, flag or setting that cannot hold
    ├── DataError (ValueError)            rows that break a rule: NaN, width, order of time
    │   └── FormatError                   a file or message that cannot be decoded
    │       └── DecodeError               one message; the others are read on
    ├── StateError (ValueError)           a saved state of another version or configuration
    ├── SourceError (OSError)             an outside system that cannot be read
    │   └── RewindError                   rows since the last checkpoint are another's to read
    ├── SinkError (OSError)               an outside system that cannot be written
    └── MissingExtraError (ImportError)   an optional dependency that is not installed
"""

__all__ = [
    "DataError",
    "DecodeError",
    "FormatError",
    "MissingExtraError",
    "ParameterError",
    "RewindError",
    "SinkError",
    "SourceError",
    "StateError",
    "StreamlytError",
    "in_series",
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


class RewindError(SourceError):
    """What a source reads has changed hands: the engine goes back to its last checkpoint."""


class SinkError(StreamlytError, OSError):
    """An outside system that cannot be written; nothing committed before it is lost."""


class MissingExtraError(StreamlytError, ImportError):
    """An optional dependency that is not installed.

    Parameters
    ----------
    package
        The import name that is missing.
    extra
        The extra of streamlyt that brings it.

    Examples
    --------
    >>> print(MissingExtraError("MDAnalysis", "md"))
    MDAnalysis is needed here and is not installed: pip install 'streamlyt[md]'
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed here and is not installed: pip install 'streamlyt[{extra}]'"
        )


def in_series(key: str) -> str:
    """Return how a message about one series begins: nothing where there is but one, without a name.

    Examples
    --------
    >>> in_series("left"), in_series("")
    ("series 'left': ", '')
    """
    return f"series {key!r}: " if key else ""
