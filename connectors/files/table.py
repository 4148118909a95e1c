"""Base class of the tables that a file source reads, and the error of a file that fails."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamlyt.core.errors import FormatError, SourceError

__all__ = ["Table", "read_error"]


class Table(ABC):
    """A file of columns.

    Attributes
    ----------
    kinds
        Arrow type of each column by name; for text inferred from the first megabyte.
    n_rows
        Number of rows, if the file contains it.
    """

    kinds: dict[str, Any]
    n_rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        """Yield batches of about ``size`` rows of these columns and types, from row ``skip`` on."""


def read_error(path: Path, error: Exception, what: str = "undamaged") -> SourceError | FormatError:
    """Return the error for a file that cannot be read.

    Parameters
    ----------
    path
        The file.
    error
        Of the operating system, or of the library that decodes the file.
    what
        What the file must be, for errors of the second kind.
    """
    if isinstance(error, OSError) and error.errno:
        return SourceError(
            f"path must be a file that can be read, got {str(path)!r}: "
            f"{os.strerror(error.errno)}; restore the file, or name another one"
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return FormatError(f"{path} must be {what}, got {reason!r}; write the file again")
