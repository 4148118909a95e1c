"""Follow a growing text file through truncation and rotation."""

import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Any, BinaryIO

from streamlyt.core import Position

from .table import read_error
from .text_table import BLOCK_BYTES, TextTable

__all__ = ["POLL_S", "Tail", "line_after"]

POLL_S = 0.2  # without rows this long, a heartbeat lets the engine look at its clock
_PROBE = 256  # bytes at the start of a file, and before a position, that identify it

log = logging.getLogger("streamlyt.files")


class Tail:
    """Yields complete records of a file as it grows.

    A position names its file by the inode, and by checksums of the first bytes and of those just
    before the position. Where they differ, the file was truncated or overwritten.

    Parameters
    ----------
    table
        The file.
    """

    def __init__(self, table: TextTable) -> None:
        self._table, self._path = table, table.path
        self._looked_at: tuple[int, ...] = ()  # a file without a complete record

    def blocks(
        self, start: Position | None, until_end: bool = False
    ) -> Iterator[tuple[bytes | None, dict[str, Any]]]:
        """Yield complete records with the position after them; None while nothing is appended.

        The ``row`` of a position is that of the first record of its block; the reader advances it.

        Parameters
        ----------
        start
            Position to resume from; None for the start of the file.
        until_end
            Whether to stop at the end, as for a recorded file, whose last record needs no line end.

        Raises
        ------
        SourceError
            If the file cannot be read.
        FormatError
            If it cannot be divided into records, or a file that replaces it has another header.
        """
        position: dict[str, Any] = dict(start or {"row": 0, "offset": 0})
        file = self._reopen(position)
        drained = False  # the writer of a renamed file may still append a last record
        try:
            while True:
                text, offset = self._records(file, position)
                if self._differs(file, position):
                    file = self._after_truncation(file, position)
                elif offset != position["offset"]:
                    self._advance(file, position, offset)
                    drained = False
                    if text:
                        yield text, position
                elif (newer := self._newer(file)) is None:
                    if until_end:
                        text, offset = self._records(file, position, ended=True)
                        self._advance(file, position, offset)
                        if text:
                            yield text, position
                        return
                    drained = False
                    yield None, position
                    sleep(POLL_S)
                elif not drained:
                    newer.close()
                    drained = True
                    sleep(POLL_S)
                else:
                    self._report_lost(file, newer, position)
                    file.close()
                    file, drained = newer, False
                    self._advance(file, position, 0)
        except OSError as error:
            if error.errno is None:  # one of ours
                raise
            raise read_error(self._path, error) from None
        finally:
            file.close()

    def _records(
        self, file: BinaryIO, position: dict[str, Any], ended: bool = False
    ) -> tuple[bytes, int]:
        """Return complete records at a position, and the offset after them."""
        offset = int(position["offset"])
        status = os.fstat(file.fileno())
        looked_at = (status.st_ino, status.st_size, offset)
        if looked_at == self._looked_at and not ended:
            return b"", offset
        text = b""
        start: int | None = 0
        while True:
            more = os.pread(file.fileno(), BLOCK_BYTES, offset + len(text))
            text += more
            last = ended and not more
            if offset == 0:
                start = self._table.header_length(text, last)
            if start is not None and last:
                self._table.check_closed(text[start:], line_after(offset + start))
                return text[start:], offset + len(text)
            if start is None:
                self._table.complete_length(text)  # raises if the header is too long
            elif not ended and (length := self._table.complete_length(text[start:])):
                return text[start : start + length], offset + start + length
            if not more:
                break
        self._looked_at = looked_at
        return b"", offset + (start or 0)

    def _advance(self, file: BinaryIO, position: dict[str, Any], offset: int) -> None:
        """Move a position to an offset of a file."""
        checked = min(_PROBE, offset)
        position.update(
            offset=offset,
            inode=os.fstat(file.fileno()).st_ino,
            head=_checksum(file, 0, checked),
            checked=checked,
            tail=_checksum(file, offset - checked, offset),
        )

    def _differs(self, file: BinaryIO, position: dict[str, Any]) -> bool:
        """Return whether a file does not contain what was read up to a position."""
        offset, checked = int(position["offset"]), int(position.get("checked", 0))
        if os.fstat(file.fileno()).st_size < offset:
            return True
        if _checksum(file, 0, checked) != int(position.get("head", 0)):
            return True
        tail = position.get("tail")  # positions of older versions have none
        return tail is not None and _checksum(file, offset - checked, offset) != int(tail)

    def _newer(self, file: BinaryIO) -> BinaryIO | None:
        """Return the file that has replaced an open one; None if there is none (yet)."""
        try:
            newer = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return None  # renamed, and not created again yet
        if _identity(newer) != _identity(file):
            return newer
        newer.close()
        return None

    def _after_truncation(self, file: BinaryIO, position: dict[str, Any]) -> BinaryIO:
        """Return the file in which to continue: a copy made before, or the file from its start."""
        copy = self._same_content(self._siblings(), position)
        if copy is not None:
            log.warning("%s was truncated; reading the rest of its copy", self._path)
            file.close()
            self._advance(copy, position, int(position["offset"]))
            return copy
        log.warning("%s was truncated; reading it from the start", self._path)
        self._advance(file, position, 0)
        return file

    def _reopen(self, position: dict[str, Any]) -> BinaryIO:
        """Open the file of a position, even if it was renamed, copied or restored."""
        inode = position.get("inode")
        siblings = self._siblings() if inode is not None else []
        for path in [self._path, *siblings] if inode is not None else []:
            file = _opened(path)
            if file is not None:
                if os.fstat(file.fileno()).st_ino == inode and not self._differs(file, position):
                    return file
                file.close()
        if inode is not None:
            same = self._same_content([self._path, *siblings], position)
            if same is not None:
                self._advance(same, position, int(position["offset"]))
                return same
            log.warning(
                "%s: the previous file no longer exists; reading the current one from the start",
                self._path,
            )
        try:
            file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise read_error(self._path, error) from None
        self._advance(file, position, 0)
        return file

    def _same_content(self, paths: list[Path], position: dict[str, Any]) -> BinaryIO | None:
        """Return the first of these files that contains what was read, which has rows."""
        if position.get("tail") is None:
            return None
        for path in paths:
            file = _opened(path)
            if file is None:
                continue
            header = self._table.header_length(os.pread(file.fileno(), BLOCK_BYTES, 0))
            if (header or 0) < int(position["offset"]) and not self._differs(file, position):
                return file
            file.close()
        return None

    def _siblings(self) -> list[Path]:
        """Return the names that a rotated file may have, the newest first."""
        found = []
        stem, name, suffix = self._path.stem, self._path.name, self._path.suffix
        for path in self._path.parent.iterdir():
            rotated = path.name.startswith(name) or path.name.endswith(suffix)
            if path.name.startswith(stem) and rotated and path.name != name:
                with suppress(OSError):  # removed meanwhile
                    found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found, reverse=True)]

    def _report_lost(self, file: BinaryIO, newer: BinaryIO, position: dict[str, Any]) -> None:
        """Log what is not read where a file is left for the one that has replaced it."""
        status = os.fstat(file.fileno())
        if remainder := status.st_size - int(position["offset"]):
            log.warning("%s: %d bytes without a line end are ignored", self._path, remainder)
        known = (_identity(file), _identity(newer))
        for path in self._siblings():
            with suppress(FileNotFoundError):  # removed meanwhile
                later = path.stat().st_mtime_ns > status.st_mtime_ns
                if later and _identity(path) not in known:
                    log.warning("%s was rotated more than once; %s is not read", self._path, path)


def line_after(offset: int) -> Callable[[int], str]:
    """Return how to name a line of a text that starts at a byte of a followed file."""
    return lambda line: f"line {line} after byte {offset}"


def _checksum(file: BinaryIO, start: int, stop: int) -> int:
    return zlib.crc32(os.pread(file.fileno(), stop - start, start))


def _identity(file: BinaryIO | Path) -> tuple[int, int]:
    status = os.stat(file if isinstance(file, Path) else file.fileno())
    return status.st_dev, status.st_ino


def _opened(path: Path) -> BinaryIO | None:
    """Return an open file; None where there is none any more."""
    try:
        return path.open("rb", buffering=0)
    except OSError:
        return None
