"""One run, one SQLite file: rows, findings, states and positions, all or nothing."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._file import RunFile as RunFile
    from ._reading import Overview as Overview

__getattr__, __dir__, __all__ = lazy_names(__name__)
