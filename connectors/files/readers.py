"""Readers of tables as Arrow record batches: Parquet, Arrow, NPY, CSV and JSON lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as parquet

from streamlyt.core.errors import FormatError, ParameterError, SourceError

from .table import Table, read_error
from .text_readers import CsvTable, JsonTable
from .text_table import TextTable

__all__ = ["Table", "open_table", "table_files"]


class _Parquet(Table):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._open() as file:
            schema, self.n_rows = file.schema_arrow, file.metadata.num_rows
        self.kinds = dict(zip(schema.names, schema.types, strict=True))

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        with self._open() as file:
            group = 0
            while group < file.num_row_groups and skip >= file.metadata.row_group(group).num_rows:
                skip -= file.metadata.row_group(group).num_rows
                group += 1
            groups = list(range(group, file.num_row_groups))
            if not groups:
                return
            try:
                for block in file.iter_batches(
                    size, row_groups=groups, columns=list(kinds), use_threads=False
                ):
                    rows = block.slice(min(skip, block.num_rows)).select(list(kinds))
                    skip -= min(skip, block.num_rows)
                    columns = [
                        column.cast(kind)
                        for column, kind in zip(rows.columns, kinds.values(), strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(columns, list(kinds))
            except (pa.ArrowInvalid, OSError) as error:
                raise read_error(self.path, error) from None

    def _open(self) -> Any:
        try:  # no prefetch: it would hold complete row groups in memory
            return parquet.ParquetFile(self.path, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise read_error(self.path, error, "a complete Parquet file") from None


class _Arrow(Table):
    """Arrow IPC, file or stream."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._open() as reader:
            self.kinds = dict(zip(reader.schema.names, reader.schema.types, strict=True))
        if "" in self.kinds or len(self.kinds) < len(reader.schema.names):
            raise FormatError(f"{path}: column names must be unique, got {reader.schema.names!r}")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            with pa.memory_map(str(self.path)) as file:
                is_file = file.read(6) == b"ARROW1"
                file.seek(0)
                yield ipc.open_file(file) if is_file else ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise read_error(self.path, error, "a complete Arrow IPC file") from None

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        with self._open() as reader:
            blocks = reader
            if isinstance(reader, ipc.RecordBatchFileReader):
                blocks = (reader.get_batch(i) for i in range(reader.num_record_batches))
            for block in blocks:
                rows = block.slice(min(skip, block.num_rows)).select(list(kinds))
                skip -= min(skip, block.num_rows)
                columns = [
                    column.cast(kind)
                    for column, kind in zip(rows.columns, kinds.values(), strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, list(kinds))


class _Npy(Table):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        array = self._open()
        if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
            raise FormatError(
                f"{path} must hold numbers of shape (n,) or (n, d), got {array.dtype} of shape "
                f"{array.shape!r}; save one such array"
            )
        self.n_rows = len(array)
        kind = pa.from_numpy_dtype(array.dtype.newbyteorder("="))
        self.kinds = dict.fromkeys((f"x{i}" for i in range(self._n_columns(array))), kind)

    def _open(self) -> Any:
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise read_error(self.path, error, "a complete NPY file") from None

    @staticmethod
    def _n_columns(array: Any) -> int:
        return 1 if array.ndim == 1 else int(array.shape[1])

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        names = list(self.kinds)
        for row in range(skip, self.n_rows or 0, size):
            array = self._open()  # reopened each time: mapped pages would accumulate
            rows = array[row : row + size].reshape(-1, self._n_columns(array))
            rows = np.asarray(rows, dtype=rows.dtype.newbyteorder("="))
            columns = [
                pa.array(np.ascontiguousarray(rows[:, names.index(name)])).cast(kind)
                for name, kind in kinds.items()
            ]
            yield pa.RecordBatch.from_arrays(columns, list(kinds))


_COMPRESSIONS = ("", ".gz", ".bz2", ".zst", ".lz4")

_OPENERS: dict[str, Callable[[Path], Table]] = {
    **{end + suffix: CsvTable for end in (".csv", ".tsv") for suffix in _COMPRESSIONS},
    **{end + suffix: JsonTable for end in (".jsonl", ".ndjson") for suffix in _COMPRESSIONS},
    **dict.fromkeys((".arrow", ".arrows", ".feather"), _Arrow),
    **dict.fromkeys((".parquet", ".pq"), _Parquet),
    ".npy": _Npy,
}

_SUFFIXES = tuple(_OPENERS)
_FOLLOWED: dict[str, Callable[[Path, bool], TextTable]] = {
    **dict.fromkeys((".csv", ".tsv"), CsvTable),
    **dict.fromkeys((".jsonl", ".ndjson"), JsonTable),
}


def open_table(path: Path, growing: bool = False) -> Table:
    """Open a table by its file suffix.

    Parameters
    ----------
    path
        The file.
    growing
        Whether it is still being written; only text tables can be.

    Raises
    ------
    ParameterError
        If the suffix is unknown, or a growing file is no uncompressed text.
    SourceError
        If the file does not exist or cannot be read; or if it is growing and does not hold a
        complete record yet.
    FormatError
        If the content does not match the suffix.
    """
    suffix = next((end for end in _OPENERS if path.name.lower().endswith(end)), None)
    if suffix is None:
        raise ParameterError(
            f"path must end in one of {', '.join(_OPENERS)}, got {str(path)!r}; "
            f"rename or convert the file"
        )
    if growing and suffix not in _FOLLOWED:
        raise ParameterError(
            f"follow needs a directory or a file that ends in one of {', '.join(_FOLLOWED)}, "
            f"got {str(path)!r}; unpack the file"
        )
    if not path.is_file():
        raise SourceError(
            f"path must be a file, got {str(path)!r}, which does not exist; create it, or name "
            f"another one"
        )
    if growing:
        return _FOLLOWED[suffix](path, True)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise read_error(path, error) from None
    if not size:
        raise FormatError(f"{path} must hold a table, got an empty file")
    return _OPENERS[suffix](path)


def table_files(folder: str) -> list[str]:
    """Return the sorted names of the tables in a directory.

    Raises
    ------
    SourceError
        If there is no table, or the directory cannot be read.
    """
    try:
        names = sorted(
            path.name
            for path in Path(folder).iterdir()
            if path.name[0] not in "._" and path.name.lower().endswith(_SUFFIXES) and path.is_file()
        )
    except OSError as error:
        raise SourceError(
            f"path must be a directory that can be read, got {folder!r}: {error.strerror}; "
            f"restore it"
        ) from None
    if not names:
        raise SourceError(
            f"directory {folder} must hold a file that ends in one of {', '.join(_OPENERS)}, got "
            f"none; add the first file"
        )
    return names
