"""Follow a growing text file through truncation and rotation."""

import logging
import os
import zlib
from collections.abc import Iterator
from time import sleep
from typing import Any, BinaryIO

from streamlyt.core import Position
from streamlyt.core.errors import FormatError, ParameterError, SourceError

from .text_readers import CsvTable, JsonTable, Table

__all__ = ["POLL_S", "Tail", "as_followable"]

POLL_S = 0.2  # without rows this long, a heartbeat lets the engine look at its clock
_BLOCK = 1 << 20  # bytes read at once
_HEAD = 256  # bytes at the start that identify a file

log = logging.getLogger("streamlyt.files")


def as_followable(table: Table) -> CsvTable | JsonTable:
    """Return a table that can be followed; raise for others.

    Raises
    ------
    ParameterError
        If the table is not a text file, or compressed.
    """
    if isinstance(table, CsvTable | JsonTable) and table.path.suffix in _FOLLOWED:
        return table
    raise ParameterError(
        f"follow needs a directory or a file that ends in one of {', '.join(_FOLLOWED)}, "
        f"got {str(table.path)!r}"
    )


_FOLLOWED = (".csv", ".tsv", ".jsonl", ".ndjson")


class Tail:
    """Yields complete lines of a file as it grows.

    Parameters
    ----------
    table
        The file.
    """

    def __init__(self, table: CsvTable | JsonTable) -> None:
        self._path, self._header = table.path, table.header
        self._has_header = bool(self._header)

    def blocks(self, start: Position | None) -> Iterator[tuple[bytes | None, dict[str, Any]]]:
        """Yield complete lines with the position after them; None while nothing is appended.

        The ``row`` of a position is that of the first line of its block; the reader advances it.
        """
        position: dict[str, Any] = dict(start or {"row": 0, "offset": 0})
        file = self._reopen(position)
        try:
            while True:
                if self._truncated(file, position):
                    log.warning("%s was truncated; reading it from the start", self._path)
                    position.update(offset=0)
                    self._identify(file, position)
                if text := self._lines(file, position):
                    yield text, position
                elif self._rotated(file):
                    sleep(POLL_S)  # the writer may still append a last line
                    if text := self._lines(file, position):
                        yield text, position
                        continue
                    remainder = os.fstat(file.fileno()).st_size - int(position["offset"])
                    if remainder:
                        log.warning(
                            "%s: %d bytes without a newline are ignored", self._path, remainder
                        )
                    file.close()
                    file = self._path.open("rb")
                    position.update(offset=0)
                    self._identify(file, position)
                else:
                    yield None, position
                    sleep(POLL_S)
        finally:
            file.close()

    def _lines(self, file: BinaryIO, position: dict[str, Any]) -> bytes:
        file.seek(int(position["offset"]))
        text = file.read(_BLOCK)
        while b"\n" not in text and (more := file.read(_BLOCK)):
            text += more
        text = text[: text.rfind(b"\n") + 1]
        if not text:
            return b""
        first = int(position["offset"]) == 0
        position["offset"] = int(position["offset"]) + len(text)
        if first or int(position["checked"]) < _HEAD:
            self._identify(file, position)
        if first and self._has_header:
            header, _, text = text.partition(b"\n")
            if header.strip() != self._header:
                raise FormatError(
                    f"{self._path} must start with the header {self._header.decode()!r}, "
                    f"got {header.decode('utf-8', 'replace')!r}"
                )
            return text or self._lines(file, position)
        return text

    def _identify(self, file: BinaryIO, position: dict[str, Any]) -> None:
        """Store inode and checksum of the file in a position."""
        n_bytes = min(_HEAD, int(position["offset"]))
        position.update(
            inode=os.fstat(file.fileno()).st_ino, head=_head(file, n_bytes), checked=n_bytes
        )

    def _truncated(self, file: BinaryIO, position: dict[str, Any]) -> bool:
        """Return whether the file is shorter than the position or starts differently."""
        if os.fstat(file.fileno()).st_size < int(position["offset"]):
            return True
        return _head(file, int(position.get("checked", 0))) != int(position.get("head", 0))

    def _rotated(self, file: BinaryIO) -> bool:
        """Return whether the path refers to another file by now."""
        try:
            return self._path.stat().st_ino != os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False  # renamed, and not created again yet

    def _reopen(self, position: dict[str, Any]) -> BinaryIO:
        """Open the file of a position, even if it was renamed."""
        inode = position.get("inode")
        renamed = sorted(self._path.parent.glob(f"{self._path.stem}*"))
        for path in [self._path, *renamed] if inode is not None else [self._path]:
            try:
                file = path.open("rb")
            except OSError as error:
                if inode is None:
                    raise SourceError(f"{path} cannot be read: {error.strerror}") from None
                continue
            same = os.fstat(file.fileno()).st_ino == inode
            if inode is None or (same and not self._truncated(file, position)):
                if inode is None:
                    self._identify(file, position)
                return file
            file.close()
        log.warning(
            "%s: the previous file no longer exists; reading the current one from the start",
            self._path,
        )
        position.update(offset=0)
        file = self._path.open("rb")
        self._identify(file, position)
        return file


def _head(file: BinaryIO, size: int) -> int:
    file.seek(0)
    return zlib.crc32(file.read(size))
