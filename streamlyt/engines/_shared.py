"""States in a folder that several processes share, so that they follow a partition that moves."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from streamlyt._states import digest, pack, unpack
from streamlyt.base import Array
from streamlyt.errors import SinkError, StateError

__all__ = ["SharedStates"]

_MAGIC = b"STRMLYT1"
_HASH = 64  # hexadecimal digits
_EVERY_S = 1.0
_SHARE = 0.05  # of the time that may go into writing these files

_Memory = Mapping[str, Mapping[str, Mapping[str, Array]]]  # series -> operator -> state

log = logging.getLogger("streamlyt.engine")


class SharedStates:
    """One file a partition: the memory of its series, and the position that it is of.

    The file is written after a checkpoint has made everything up to that position durable, under
    another name first, so that it is there whole or not at all; the one before it is kept. Who
    takes the partition over reads the log from that position on, which may lie behind what was
    committed. A damaged file is passed over for the one before, with a warning.

    Parameters
    ----------
    folder
        Where; every member of the group must reach it.
    name
        Of the pipeline: pipelines of different names do not read one another's files.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str) -> None:
        self.folder, self.name = Path(folder), name
        self._due_at: dict[str, float] = {}

    def due(self, part: str) -> bool:
        """Tell whether it is time to write a partition again; always true the first time."""
        return monotonic() >= self._due_at.get(part, 0.0)

    def save(self, part: str, at: int, memory: _Memory) -> None:
        """Write the memory of the series of a partition as of a position.

        Raises
        ------
        SinkError
            If the folder cannot be written.
        """
        began = monotonic()
        blobs = [
            (key, operator, pack(state))
            for key, by_name in memory.items()
            for operator, state in by_name.items()
        ]
        head = {"at": at, "of": [(key, operator, len(blob)) for key, operator, blob in blobs]}
        text = json.dumps(head).encode()
        body = b"".join([len(text).to_bytes(8, "big"), text, *(blob for *_, blob in blobs)])
        path = self._path(part)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
            with unfinished.open("wb") as file:
                file.write(_MAGIC + digest(body).encode() + body)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                path.replace(_before(path))
            unfinished.replace(path)
        except OSError as error:
            raise SinkError(f"the shared states {path} cannot be written: {error}") from error
        took = monotonic() - began
        self._due_at[part] = monotonic() + max(_EVERY_S, took / _SHARE)

    def load(self, part: str) -> tuple[int, dict[str, dict[str, dict[str, Array]]]] | None:
        """Return the newest position of a partition that is whole, and the memory of its series."""
        path = self._path(part)
        for each in (path, _before(path)):
            try:
                return _read(each.read_bytes())
            except FileNotFoundError:
                continue  # none yet, or the one before is just being put in its place
            except (OSError, StateError) as error:
                log.warning("the shared states %s are passed over: %s", each, error)
        return None

    def _path(self, part: str) -> Path:
        return self.folder / f"{quote(self.name, safe='')}-{quote(part, safe='')}.states"


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _read(data: bytes) -> tuple[int, dict[str, dict[str, dict[str, Array]]]]:
    start = len(_MAGIC) + _HASH
    if data[: len(_MAGIC)] != _MAGIC or digest(data[start:]).encode() != data[len(_MAGIC) : start]:
        raise StateError("the bytes are not those that were written")
    size = int.from_bytes(data[start : start + 8], "big")
    first = start + 8 + size
    head = json.loads(data[start + 8 : first])
    memory: dict[str, dict[str, dict[str, Array]]] = {}
    for key, operator, blob in _cut(head["of"], data[first:]):
        memory.setdefault(key, {})[operator] = unpack(blob)
    return int(head["at"]), memory


def _cut(of: Iterable[tuple[str, str, int]], data: bytes) -> Iterator[tuple[str, str, bytes]]:
    done = 0
    for key, operator, length in of:
        yield key, operator, data[done : done + length]
        done += length
