"""Recorded tables as Arrow record batches, whatever the file: CSV, Parquet, NPY."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from streamlyt.errors import FormatError, ParameterError, SourceError

__all__ = ["Table", "open_table"]

_BLOCK_BYTES = 1 << 20  # of CSV text held at once, and the sample that tells what columns are


class Table(ABC):
    """A file of columns.

    Attributes
    ----------
    kinds
        Arrow type of each column by name; of CSV columns as the first megabyte shows them.
    n_rows
        Number of rows where the file says it.
    """

    kinds: dict[str, Any]
    n_rows: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        """Yield these columns, as these types, from row ``skip`` on, of about ``size`` rows."""


class _Csv(Table):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with pa.input_stream(str(path), compression="detect") as stream:
            lines = stream.read(_BLOCK_BYTES).decode("utf-8", "replace").splitlines()
        head = next((line for line in lines if line.strip()), "")
        # the most frequent of the usual marks: a decimal comma cannot be told and is refused below
        self._mark = max(",;\t", key=head.count)
        cells = [cell.strip().strip('"') for cell in head.split(self._mark)]
        self._names = [f"x{i}" for i in range(len(cells))] if all(map(_number, cells)) else None
        with self._open({}) as reader:
            schema = reader.schema
        twice = sorted({n for n in schema.names if schema.names.count(n) > 1})
        if twice:
            raise FormatError(f"{path}: column names must be unique, got {twice!r} more than once")
        self.kinds = dict(zip(schema.names, schema.types, strict=True))

    def _open(self, kinds: dict[str, Any]) -> Any:
        try:
            return csv.open_csv(
                str(self.path),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, column_names=self._names
                ),
                parse_options=csv.ParseOptions(delimiter=self._mark),
                convert_options=csv.ConvertOptions(
                    column_types=kinds, include_columns=list(kinds) or None
                ),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> FormatError:
        text = str(error).strip().splitlines()[0]
        # Arrow counts rows from 1, the header among them: that is the line, without blank ones
        found = re.search(r"Row #(\d+)", text)
        where = f" (line {found[1]})" if found else ""
        return FormatError(f"{self.path}{where}: {text}; mend the line, or choose other columns")

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        with self._open(kinds) as reader:
            while True:
                try:
                    block = reader.read_next_batch()
                except StopIteration:
                    return
                except (pa.ArrowInvalid, OSError) as error:
                    raise self._failure(error) from None
                if skip >= block.num_rows:
                    skip -= block.num_rows
                    continue
                yield block.slice(skip).select(list(kinds))
                skip = 0


class _Parquet(Table):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with parquet.ParquetFile(path) as file:
                schema, self.n_rows = file.schema_arrow, file.metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise FormatError(f"{path} must be a whole Parquet file: {error}") from None
        self.kinds = dict(zip(schema.names, schema.types, strict=True))

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        # not read ahead: whole row groups would be held
        with parquet.ParquetFile(self.path, pre_buffer=False) as file:
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
                    taken = block.slice(min(skip, block.num_rows)).select(list(kinds))
                    skip -= min(skip, block.num_rows)
                    columns = [
                        column.cast(kind)
                        for column, kind in zip(taken.columns, kinds.values(), strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(columns, list(kinds))
            except (pa.ArrowInvalid, OSError) as error:
                raise FormatError(f"{self.path} cannot be read: {error}") from None


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
        self.kinds = dict.fromkeys((f"x{i}" for i in range(self._width(array))), kind)

    def _open(self) -> Any:
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise FormatError(f"{self.path} must be a whole NPY file: {error}") from None

    @staticmethod
    def _width(array: Any) -> int:
        return 1 if array.ndim == 1 else int(array.shape[1])

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        names = list(self.kinds)
        for row in range(skip, self.n_rows or 0, size):
            array = self._open()  # anew each time: mapped pages would add up
            rows = array[row : row + size].reshape(-1, self._width(array))
            rows = np.asarray(rows, dtype=rows.dtype.newbyteorder("="))
            columns = [
                pa.array(np.ascontiguousarray(rows[:, names.index(name)])).cast(kind)
                for name, kind in kinds.items()
            ]
            yield pa.RecordBatch.from_arrays(columns, list(kinds))


_OPENERS: dict[str, type[_Csv | _Parquet | _Npy]] = {
    **dict.fromkeys((".csv", ".csv.gz", ".tsv", ".tsv.gz"), _Csv),
    **dict.fromkeys((".parquet", ".pq"), _Parquet),
    ".npy": _Npy,
}


def open_table(path: Path) -> Table:
    """Open a table by the ending of its name.

    Raises
    ------
    ParameterError
        If the ending is not known.
    SourceError
        If there is no such file.
    FormatError
        If the file is not what its name says.
    """
    ending = next((end for end in _OPENERS if path.name.lower().endswith(end)), None)
    if ending is None:
        raise ParameterError(
            f"path must end in one of {', '.join(_OPENERS)}, got {str(path)!r}; "
            f"rename or convert the file"
        )
    if not path.is_file():
        raise SourceError(f"path must be a file, got {str(path)!r}, which is not there")
    if path.stat().st_size == 0:
        raise FormatError(f"{path} must hold a table, got an empty file")
    try:
        return _OPENERS[ending](path)
    except PermissionError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
