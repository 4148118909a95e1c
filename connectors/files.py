"""Files: recorded tables, folders of them, files that still grow; and rows written to files."""

from ._file_sink import FileSink
from ._file_source import FileSource

__all__ = ["FileSink", "FileSource"]

# The catalog knows a component by the file that it is offered in.
FileSink.__module__ = FileSource.__module__ = __name__
