"""Readers of text tables: CSV and JSON lines, optionally compressed."""

import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.json as json

from streamlyt.core.errors import FormatError

__all__ = ["CsvTable", "JsonTable", "Table"]

_BLOCK_BYTES = 1 << 20  # of text in memory, and of the sample for type inference


class Table(ABC):
    """A file of columns.

    Attributes
    ----------
    kinds
        Arrow type of each column by name; for CSV inferred from the first megabyte.
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


class CsvTable(Table):
    """CSV with any of the usual delimiters, with or without a header.

    Parameters
    ----------
    path
        The file, compressed or not.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with pa.input_stream(str(path), compression="detect") as stream:
            lines = stream.read(_BLOCK_BYTES).decode("utf-8", "replace").splitlines()
        head = next((line for line in lines if line.strip()), "")
        # The most frequent delimiter; decimal commas are ambiguous and rejected later.
        self._delimiter = max(",;\t", key=head.count)
        self._head = head
        cells = [cell.strip().strip('"') for cell in head.split(self._delimiter)]
        self._names = [f"x{i}" for i in range(len(cells))] if all(map(_number, cells)) else None
        with self._open({}) as reader:
            schema = reader.schema
        duplicates = sorted({n for n in schema.names if schema.names.count(n) > 1})
        if duplicates:
            raise FormatError(
                f"{path}: column names must be unique, got {duplicates!r} more than once"
            )
        self.kinds = dict(zip(schema.names, schema.types, strict=True))

    def _open(self, kinds: dict[str, Any]) -> Any:
        try:
            return csv.open_csv(
                str(self.path),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, column_names=self._names
                ),
                parse_options=csv.ParseOptions(delimiter=self._delimiter),
                convert_options=csv.ConvertOptions(
                    column_types=kinds, include_columns=list(kinds) or None
                ),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> FormatError:
        text = str(error).strip().splitlines()[0]
        # Arrow counts rows from 1 including the header: the line number without blank lines
        found = re.search(r"Row #(\d+)", text)
        where = f" (line {found[1]})" if found else ""
        return FormatError(f"{self.path}{where}: {text}; fix the line or choose other columns")

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        """Yield record batches of the columns ``kinds`` after the first ``skip`` rows."""
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

    def parsed(self, text: bytes, kinds: dict[str, Any], row: int) -> Any:
        """Parse complete lines, without the header, into a table."""
        try:
            return csv.read_csv(
                io.BytesIO(text),
                read_options=csv.ReadOptions(
                    use_threads=False, column_names=self._names or list(self.kinds)
                ),
                parse_options=csv.ParseOptions(delimiter=self._delimiter),
                convert_options=csv.ConvertOptions(column_types=kinds, include_columns=list(kinds)),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise _parse_error(self.path, row, error) from None

    @property
    def header(self) -> bytes:
        """Header line; empty if there is none."""
        return b"" if self._names else self._head.strip().encode()


class JsonTable(Table):
    """One JSON object per line; other fields are ignored.

    Parameters
    ----------
    path
        The file, compressed or not.
    """

    header = b""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._open({}) as reader:
            schema = reader.schema
        self.kinds = dict(zip(schema.names, schema.types, strict=True))

    def _open(self, kinds: dict[str, Any]) -> Any:
        try:
            return json.open_json(
                str(self.path),
                read_options=json.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                parse_options=self._options(kinds),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise _parse_error(self.path, 0, error) from None

    @staticmethod
    def _options(kinds: dict[str, Any]) -> Any:
        if not kinds:
            return json.ParseOptions()
        return json.ParseOptions(
            explicit_schema=pa.schema(list(kinds.items())), unexpected_field_behavior="ignore"
        )

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        """Yield record batches of the columns ``kinds`` after the first ``skip`` rows."""
        row = 0
        with self._open(kinds) as reader:
            while True:
                try:
                    block = reader.read_next_batch()
                except StopIteration:
                    return
                except (pa.ArrowInvalid, OSError) as error:
                    raise _parse_error(self.path, row, error) from None
                row += block.num_rows
                if skip >= block.num_rows:
                    skip -= block.num_rows
                    continue
                yield block.slice(skip).select(list(kinds))
                skip = 0

    def parsed(self, text: bytes, kinds: dict[str, Any], row: int) -> Any:
        """Parse complete lines into a table."""
        try:
            options = json.ReadOptions(use_threads=False, block_size=max(len(text), 1))
            return json.read_json(io.BytesIO(text), options, self._options(kinds))
        except (pa.ArrowInvalid, OSError) as error:
            raise _parse_error(self.path, row, error) from None


def _parse_error(path: Path, row: int, error: Exception) -> FormatError:
    text = str(error).strip().splitlines()[0]
    return FormatError(f"{path}, at or after row {row}: {text}; fix the line")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
