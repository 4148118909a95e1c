"""Base of the text readers: how to divide a file into records, and to report their errors."""

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.core.errors import FormatError, SourceError

from .records import complete_length, line_of_record, open_quote
from .table import Table, read_error

__all__ = ["BLOCK_BYTES", "Text", "TextTable"]

SAMPLE_BYTES = 1 << 20  # for type inference
BLOCK_BYTES = 1 << 22  # of text in memory
ARROW_BYTES = 1 << 18  # that Arrow parses at once: about what fits into the cache
LONGEST_RECORD = 1 << 24  # bytes: a longer record is a quote that nobody closes

Text = bytes | memoryview


class TextTable(Table):
    """A text file of records: one way to divide and to parse it, recorded or followed.

    Parameters
    ----------
    path
        The file, compressed or not.
    growing
        Whether the file is still being written. What follows its last line end is then half a
        record, and ignored.

    Attributes
    ----------
    delimiter
        Between cells; empty where a record is a line, whatever it contains.
    has_rows
        Whether the first megabyte contains a row.

    Raises
    ------
    SourceError
        If the file cannot be read; or if it is growing and its first record is not complete.
    FormatError
        If it is not such a table, or not in UTF-8.
    """

    delimiter = b""

    def __init__(self, path: Path, growing: bool = False) -> None:
        super().__init__(path)
        self._growing = growing
        with closing(self._blocks()) as blocks:
            text, offset = next(blocks, (memoryview(b""), 0))
            rows = self.parsed(text, {}, self._line_in_file(offset))
        self.has_rows = rows.num_rows > 0
        self.kinds = dict(zip(rows.schema.names, rows.schema.types, strict=True))

    @abstractmethod
    def header_length(self, text: bytes, ended: bool = False) -> int | None:
        """Return the length of what precedes the rows; None where more text is needed.

        Parameters
        ----------
        text
            Start of a file.
        ended
            Whether this is all, so that a last line needs no line end.

        Raises
        ------
        FormatError
            If the header differs from the one that was read first.
        """

    def complete_length(self, text: bytes | bytearray, stop: int | None = None) -> int:
        """Return the length of all complete records at the start of a text.

        Parameters
        ----------
        text
            It starts at the start of a record.
        stop
            Where it ends; None for its end.

        Raises
        ------
        FormatError
            If the first record is longer than any that is read.
        """
        length = complete_length(text, self.delimiter, stop)
        if not length and (len(text) if stop is None else stop) > LONGEST_RECORD:
            raise FormatError(
                f"{self.path}: a record must be at most {LONGEST_RECORD >> 20} MB, got a longer "
                f"one that starts with {bytes(text[:40])!r}; close its quote, or end its line"
            )
        return length

    def batches(self, kinds: dict[str, Any], skip: int, size: int) -> Iterator[Any]:
        """Yield record batches of the columns ``kinds`` after the first ``skip`` rows."""
        for text, offset in self._blocks():
            rows = self.parsed(text, kinds, self._line_in_file(offset))
            if skip < rows.num_rows:
                yield from rows.slice(skip).to_batches()
            skip = max(0, skip - rows.num_rows)

    def parsed(self, text: Text, kinds: dict[str, Any], where: Callable[[int], str]) -> Any:
        """Parse complete records, without the header, into an Arrow table.

        Parameters
        ----------
        text
            The records.
        kinds
            Arrow types of the columns to return; empty for all columns, with inferred types.
        where
            Returns the place of a line of the text, for messages.

        Raises
        ------
        FormatError
            If the text is not UTF-8, or a record cannot be parsed.
        """
        self._check_encoding(text, where)
        try:
            if kinds:
                with suppress(pa.ArrowInvalid):  # of a record that is longer, for example
                    return self._parse(text, kinds, ARROW_BYTES)
            return self._parse(text, kinds, max(len(text), 1))
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            at = self._record_number(reason)
            line = None if at is None else line_of_record(bytes(text), self.delimiter, at)
            place = "" if line is None else f" ({where(line)})"
            raise FormatError(
                f"{self.path}{place}: {reason}; fix the line or choose other columns"
            ) from None

    @abstractmethod
    def _parse(self, text: Text, kinds: dict[str, Any], block_size: int) -> Any:
        """Parse with Arrow, so many bytes at once; its errors pass."""

    @abstractmethod
    def _record_number(self, reason: str) -> int | None:
        """Return the number of the record, from 1 on, in a message of Arrow."""

    def _check_encoding(self, text: Text, where: Callable[[int], str]) -> None:
        if np.frombuffer(text, np.uint8).max(initial=0) < 128:  # ASCII
            return
        try:
            bytes(text).decode()
        except UnicodeDecodeError as error:
            place = where(bytes(text[: error.start]).count(b"\n") + 1)
            raise FormatError(
                f"{self.path} must be UTF-8, got the byte 0x{text[error.start]:02x} in {place}; "
                f"convert the file, for example with iconv -f LATIN1 -t UTF-8"
            ) from None

    def _blocks(self) -> Generator[tuple[memoryview, int], None, None]:
        """Yield complete records in blocks of some megabytes, and where each block starts.

        The next block overwrites the one before: new memory for each would cost more than reading.
        """
        offset: int | None = None
        buffer, rest = bytearray(), b""
        ended = False
        with self._open() as file:
            while not ended:
                size = SAMPLE_BYTES if offset is None else BLOCK_BYTES
                if len(rest) + size > len(buffer):
                    buffer = bytearray(2 * len(rest) + size)
                buffer[: len(rest)] = rest
                n_read = self._read_into(file, memoryview(buffer)[len(rest) :][:size])
                ended, stop = n_read < size, len(rest) + n_read
                if offset is None:
                    rest = bytes(buffer[:stop])
                    offset = self._header_length(rest, ended)
                    if offset is None:
                        continue
                    buffer[: stop - offset] = rest[offset:]
                    stop -= offset
                last = ended and not self._growing
                length = stop if last else self.complete_length(buffer, stop)
                if last:
                    self.check_closed(buffer, self._line_in_file(offset), stop)
                if length:
                    yield memoryview(buffer)[:length], offset
                rest, offset = bytes(buffer[length:stop]), offset + length

    def check_closed(
        self, text: bytes | bytearray, where: Callable[[int], str], stop: int | None = None
    ) -> None:
        """Raise a FormatError if a text, up to ``stop``, ends within a quoted cell."""
        quote = open_quote(text, self.delimiter, stop)
        if quote is not None:
            place = where(text.count(b"\n", 0, quote) + 1)
            raise FormatError(
                f"{self.path} ({place}): a quoted cell must be closed, got the end of the file; "
                f"close the quote"
            )

    def _header_length(self, text: bytes, ended: bool) -> int | None:
        """Return the length of the header; raise if the file has ended without one."""
        length = self.header_length(text, ended and not self._growing)
        if length is None and ended and not self._growing:
            raise FormatError(f"{self.path} must hold a table, got only blank lines")
        if length is None and ended:
            raise SourceError(
                f"{self.path} must hold a complete first line to be followed, got {len(text)} "
                f"bytes without one; wait until it is written"
            )
        if length is None:
            self.complete_length(text)  # raises if it is too long
        return length

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            file = pa.input_stream(str(self.path), compression="detect")
        except (pa.ArrowInvalid, OSError) as error:
            raise read_error(self.path, error) from None
        with file:
            yield file

    def _read_into(self, file: Any, view: memoryview) -> int:
        """Fill a buffer; return the number of bytes, which is smaller at the end of the file."""
        n = 0
        try:
            while n < len(view) and (more := file.readinto(view[n:])):
                n += more
        except (pa.ArrowInvalid, OSError) as error:
            raise read_error(self.path, error) from None
        return n

    def _line_in_file(self, offset: int) -> Callable[[int], str]:
        """Return how to name a line of a block that starts at a byte of the file."""

        def where(line: int) -> str:
            before = left = 0
            with self._open() as file:
                left = offset
                while left and (text := file.read(min(left, BLOCK_BYTES))):
                    before, left = before + text.count(b"\n"), left - len(text)
            return f"line {before + line}"

        return where
