"""One run, one SQLite file: rows, findings, states and positions, all or nothing."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._file import RunFile
    from ._reading import Overview

__all__ = ["Overview", "RunFile"]

_HOMES = {"Overview": "_reading", "RunFile": "_file"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
