"""Readers of text tables: CSV and JSON lines, optionally compressed."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.json as json

from streamlyt.core.errors import FormatError

from .records import first_length
from .text_table import BLOCK_BYTES, Text, TextTable

__all__ = ["CsvTable", "JsonTable"]

_QUOTE = re.compile(b'"')
_BOM = b"\xef\xbb\xbf"
_FIRST_LINE = re.compile(rb"[\r\n]*([^\r\n]*)([\r\n]?)")


class CsvTable(TextTable):
    """CSV with any of the usual delimiters, with or without a header.

    Parameters
    ----------
    path
        The file, compressed or not.
    growing
        Whether the file is still being written; see :class:`TextTable`.
    """

    def __init__(self, path: Path, growing: bool = False) -> None:
        self._names: list[str] = []
        self._header: bytes | None = None  # where the file has none
        super().__init__(path, growing)

    def header_length(self, text: bytes, ended: bool = False) -> int | None:
        """Return the length of a byte order mark and the header."""
        mark = _mark_length(text)
        body = text[mark:]
        if not self.delimiter:
            first = _FIRST_LINE.match(body)
            if first is None or not first[1] or not (first[2] or ended):
                return None
            self._set_dialect(first[1])
        elif self._names and self._header is None:
            return mark
        length = first_length(body, self.delimiter) or (len(body) if ended else 0)
        if not length:
            return None
        header = body[:length].strip()
        if not self._names:
            self._set_names(header)
        if self._header is None:
            return mark
        if header != self._header:
            raise FormatError(
                f"{self.path} must start with the header {self._header.decode()!r}, "
                f"got {header.decode('utf-8', 'replace')!r}"
            )
        return mark + length

    def _set_dialect(self, line: bytes) -> None:
        # The most frequent delimiter; decimal commas are ambiguous and rejected later.
        self.delimiter = max((b",", b";", b"\t"), key=line.count)
        cells = [cell.strip().strip(b'"') for cell in line.split(self.delimiter)]
        if all(map(_number, cells)):
            self._names = [f"x{i}" for i in range(len(cells))]

    def _set_names(self, header: bytes) -> None:
        self._check_encoding(header, lambda line: f"line {line}, the header")
        parsed = csv.read_csv(_buffer(header + b"\n"), parse_options=self._parse_options(header))
        self._names, self._header = parsed.column_names, header
        duplicates = sorted({n for n in self._names if self._names.count(n) > 1})
        if duplicates:
            raise FormatError(
                f"{self.path}: column names must be unique, got {duplicates!r} more than once"
            )

    def _parse_options(self, text: Text) -> Any:
        quoted = _QUOTE.search(text) is not None  # Arrow is slower where line ends may be quoted
        return csv.ParseOptions(delimiter=self.delimiter.decode(), newlines_in_values=quoted)

    def _parse(self, text: Text, kinds: dict[str, Any], block_size: int) -> Any:
        return csv.read_csv(
            _buffer(text or b"\n"),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=block_size, column_names=self._names
            ),
            parse_options=self._parse_options(text),
            convert_options=csv.ConvertOptions(
                column_types=kinds, include_columns=list(kinds) or None
            ),
        )

    def _record_number(self, reason: str) -> int | None:
        found = re.search(r"Row #(\d+)", reason)
        return None if found is None else int(found[1])


class JsonTable(TextTable):
    """One JSON object per line; other fields are ignored.

    Parameters
    ----------
    path
        The file, compressed or not.
    growing
        Whether the file is still being written; see :class:`TextTable`.
    """

    def header_length(self, text: bytes, ended: bool = False) -> int | None:
        """Return the length of a byte order mark; None before the first complete line."""
        mark = _mark_length(text)
        complete = first_length(text[mark:], b"") or (ended and text[mark:].strip())
        return mark if complete else None

    def _parse(self, text: Text, kinds: dict[str, Any], block_size: int) -> Any:
        options = json.ParseOptions()
        if kinds:
            options = json.ParseOptions(
                explicit_schema=pa.schema(list(kinds.items())), unexpected_field_behavior="ignore"
            )
        if not bytes(text[:BLOCK_BYTES]).strip():
            return pa.schema(list(kinds.items())).empty_table()
        read = json.ReadOptions(use_threads=False, block_size=block_size)
        table = json.read_json(_buffer(text), read, options)
        lines = int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
        if table.num_rows != lines:  # there are blank lines, or the last one has no line end
            lines = sum(bool(line.strip()) for line in bytes(text).split(b"\n"))
        if table.num_rows != lines:
            raise pa.ArrowInvalid(
                f"one JSON object must be on each line, got {table.num_rows} in {lines} lines"
            )
        return table

    def _record_number(self, reason: str) -> int | None:
        found = re.search(r"in row (\d+)$", reason)
        return None if found is None else int(found[1]) + 1


def _buffer(text: Text) -> Any:
    return pa.py_buffer(text)


def _mark_length(text: bytes) -> int:
    return len(_BOM) if text.startswith(_BOM) else 0


def _number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
