"""The run file: rows, events, states and positions of one run in one SQLite file."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._reader import DownsampledSeries as DownsampledSeries
    from ._writer import RunFile as RunFile

__getattr__, __dir__, __all__ = lazy_exports(__name__)
