"""Source and sink of files: tables, directories of tables and growing files."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .sink import FileSink as FileSink
    from .source import FileSource as FileSource

__getattr__, __dir__, __all__ = lazy_exports(__name__)
