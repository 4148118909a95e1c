"""One run, one SQLite file: rows, findings, states and positions, all or nothing."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._reader import DownsampledSeries as DownsampledSeries
    from ._writer import RunFile as RunFile

__getattr__, __dir__, __all__ = lazy_exports(__name__)
