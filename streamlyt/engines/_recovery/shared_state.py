"""States in a folder that several processes share, so that they follow a partition that moves."""

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from streamlyt.core import Array
from streamlyt.core.errors import SinkError, StateError
from streamlyt.core.state import pack, state_digest, unpack
from streamlyt.runfile.user_key import KEY_FILE, key_path, user_key

__all__ = ["SharedStateStore"]

_MAGIC = b"STRMLYT1"
_HASH = 64  # hexadecimal digits
_EVERY_S = 1.0
_SHARE = 0.05  # of the time that may go into writing these files

_Memory = Mapping[str, Mapping[str, Mapping[str, Array]]]  # series -> operator -> state

log = logging.getLogger("streamlyt.engine")


class SharedStateStore:
    """One file a partition: the memory of its series, and the position that it is of.

    The file is written after a checkpoint has made everything up to that position durable, under
    another name first, so that it is there whole or not at all; the one before it is kept. Who
    takes the partition over reads the log from that position on, which may lie behind what was
    committed. A damaged file is passed over for the one before, with a warning. A file that is
    whole and does not carry the mark of the user's key is refused: members on several machines
    share one key.

    Parameters
    ----------
    folder
        Where; every member of the group must reach it.
    name
        Of the pipeline: pipelines of different names do not read one another's files.
    trust
        Whether files without that mark are taken too.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, *, trust: bool = False) -> None:
        self.folder, self.name, self.trust = Path(folder), name, trust
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
        of = [[key, operator, len(blob)] for key, operator, blob in blobs]
        head: dict[str, Any] = {"at": at, "of": of}
        secret = user_key()
        if secret is not None:
            message = self._message(part, at, of, b"".join(blob for *_, blob in blobs))
            head["mark"] = secret.mark(message)
        text = json.dumps(head).encode()
        body = b"".join([len(text).to_bytes(8, "big"), text, *(blob for *_, blob in blobs)])
        path = self._path(part)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
            with unfinished.open("wb") as file:
                file.write(_MAGIC + state_digest(body).encode() + body)
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
        """Return the newest position of a partition that is whole, and the memory of its series.

        Raises
        ------
        StateError
            If it does not carry the mark of the user's key, and is not trusted.
        """
        path = self._path(part)
        for each in (path, _before(path)):
            try:
                head, blobs = _read(each.read_bytes())
            except FileNotFoundError:
                continue  # none yet, or the one before is just being put in its place
            except (OSError, StateError) as error:
                log.warning("the shared states %s are passed over: %s", each, error)
            else:
                self._hold(each, part, head, blobs)
                return int(head["at"]), _memory_of(head["of"], blobs)
        return None

    def _hold(self, path: Path, part: str, head: Mapping[str, Any], blobs: bytes) -> None:
        """Raise where a file does not carry the mark of the user's key."""
        if self.trust:
            return
        secret, mark = user_key(), head.get("mark")
        message = self._message(part, head["at"], head["of"], blobs)
        if secret is None or not isinstance(mark, str) or not secret.verifies(mark, message):
            raise StateError(
                f"the shared states {path} must carry the mark of this user's key, got another or "
                f"none (key: {key_path()}); name one key for all members in {KEY_FILE}, or start "
                f"with --trust if nobody else can write that folder"
            )

    def _message(self, part: str, at: int, of: Sequence[Sequence[Any]], blobs: bytes) -> bytes:
        return json.dumps([self.name, part, at, of, state_digest(blobs)]).encode()

    def _path(self, part: str) -> Path:
        return self.folder / f"{quote(self.name, safe='')}-{quote(part, safe='')}.states"


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _read(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what a file says of itself, and the states in a row."""
    start = len(_MAGIC) + _HASH
    if (
        data[: len(_MAGIC)] != _MAGIC
        or state_digest(data[start:]).encode() != data[len(_MAGIC) : start]
    ):
        raise StateError("the bytes are not those that were written")
    size = int.from_bytes(data[start : start + 8], "big")
    first = start + 8 + size
    return json.loads(data[start + 8 : first]), data[first:]


def _memory_of(
    of: Iterable[tuple[str, str, int]], blobs: bytes
) -> dict[str, dict[str, dict[str, Array]]]:
    memory: dict[str, dict[str, dict[str, Array]]] = {}
    done = 0
    for key, operator, length in of:
        memory.setdefault(key, {})[operator] = unpack(blobs[done : done + length])
        done += length
    return memory
