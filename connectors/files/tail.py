"""A file of lines that grows: what was appended, through truncation and rotation."""

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
_HEAD = 256  # first bytes by which a file is known again

log = logging.getLogger("streamlyt.files")


def as_followable(table: Table) -> CsvTable | JsonTable:
    """Return a table that can be followed.

    Raises
    ------
    ParameterError
        If it cannot: it is no file of lines, or compressed.
    """
    if isinstance(table, CsvTable | JsonTable) and table.path.suffix in _FOLLOWED:
        return table
    raise ParameterError(
        f"follow must go with a folder or a file that ends in one of {', '.join(_FOLLOWED)}, "
        f"got {str(table.path)!r}"
    )


_FOLLOWED = (".csv", ".tsv", ".jsonl", ".ndjson")


class Tail:
    """The whole lines of a file, as they come.

    Parameters
    ----------
    table
        The file.
    """

    def __init__(self, table: CsvTable | JsonTable) -> None:
        self._path, self._header = table.path, table.header
        self._headed = bool(self._header)

    def blocks(self, start: Position | None) -> Iterator[tuple[bytes | None, dict[str, Any]]]:
        """Yield whole lines with the position after them; None where nothing came.

        The ``row`` of a position is that of the first line of its block, and is the reader's to
        count on.
        """
        position: dict[str, Any] = dict(start or {"row": 0, "offset": 0})
        file = self._found(position)
        try:
            while True:
                if self._cut_short(file, position):
                    log.warning("%s was cut short; it is read from its beginning", self._path)
                    position.update(offset=0)
                    self._know(file, position)
                if text := self._lines(file, position):
                    yield text, position
                elif self._moved(file):
                    sleep(POLL_S)  # whoever wrote it may write a last line yet
                    if text := self._lines(file, position):
                        yield text, position
                        continue
                    rest = os.fstat(file.fileno()).st_size - int(position["offset"])
                    if rest:
                        log.warning("%s: %d bytes without a line end are left", self._path, rest)
                    file.close()
                    file = self._path.open("rb")
                    position.update(offset=0)
                    self._know(file, position)
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
            self._know(file, position)
        if first and self._headed:
            header, _, text = text.partition(b"\n")
            if header.strip() != self._header:
                raise FormatError(
                    f"{self._path} must begin with the line {self._header.decode()!r} as before, "
                    f"got {header.decode('utf-8', 'replace')!r}"
                )
            return text or self._lines(file, position)
        return text

    def _know(self, file: BinaryIO, position: dict[str, Any]) -> None:
        """Write into a position by what the file is known again."""
        known = min(_HEAD, int(position["offset"]))
        position.update(
            inode=os.fstat(file.fileno()).st_ino, head=_head(file, known), checked=known
        )

    def _cut_short(self, file: BinaryIO, position: dict[str, Any]) -> bool:
        """Tell whether the file is shorter than was read, or begins with something else."""
        if os.fstat(file.fileno()).st_size < int(position["offset"]):
            return True
        return _head(file, int(position.get("checked", 0))) != int(position.get("head", 0))

    def _moved(self, file: BinaryIO) -> bool:
        """Tell whether another file stands under the name by now."""
        try:
            return self._path.stat().st_ino != os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False  # renamed, and not yet begun anew

    def _found(self, position: dict[str, Any]) -> BinaryIO:
        """Open the file that a position is of, also where it was renamed."""
        inode = position.get("inode")
        beside = sorted(self._path.parent.glob(f"{self._path.stem}*"))
        for path in [self._path, *beside] if inode is not None else [self._path]:
            try:
                file = path.open("rb")
            except OSError as error:
                if inode is None:
                    raise SourceError(f"{path} cannot be read: {error.strerror}") from None
                continue
            same = os.fstat(file.fileno()).st_ino == inode
            if inode is None or (same and not self._cut_short(file, position)):
                if inode is None:
                    self._know(file, position)
                return file
            file.close()
        log.warning("%s: the file read before is gone; the one there is read whole", self._path)
        position.update(offset=0)
        file = self._path.open("rb")
        self._know(file, position)
        return file


def _head(file: BinaryIO, size: int) -> int:
    file.seek(0)
    return zlib.crc32(file.read(size))
