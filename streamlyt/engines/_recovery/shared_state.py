"""States in a shared folder, so that they follow a partition to another process."""

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
_INTERVAL_S = 1.0  # between two files of a partition, at least
_TIME_FRACTION = 0.05  # of the run time that may go into writing these files

_States = Mapping[str, Mapping[str, Mapping[str, Array]]]  # series -> operator -> state

log = logging.getLogger("streamlyt.engine")


class SharedStateStore:
    """One file per partition: the states of its series, and their position.

    The file is written after a checkpoint has made all rows up to that position durable. It is
    written under a temporary name and renamed, so that it is never partial; the previous file is
    kept. The next owner of the partition reads the log from that position on, which may be before
    the committed one. A damaged file is skipped for the previous one, with a warning. An intact
    file without the mark of the user's key is rejected: members on several machines share one
    key.

    Parameters
    ----------
    folder
        Path that every member of the group can read and write.
    name
        Name of the pipeline: pipelines of different names do not read one another's files.
    trust
        Whether files without that mark are accepted.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, *, trust: bool = False) -> None:
        self.folder, self.name, self.trust = Path(folder), name, trust
        self._due_at: dict[str, float] = {}

    def due(self, partition: str) -> bool:
        """Return whether a partition is due to be written; always true the first time."""
        return monotonic() >= self._due_at.get(partition, 0.0)

    def save(self, partition: str, position: int, states: _States) -> None:
        """Write the states of the series of a partition as of a position.

        Raises
        ------
        SinkError
            If the folder cannot be written.
        """
        started = monotonic()
        blobs = [
            (key, operator, pack(state))
            for key, by_name in states.items()
            for operator, state in by_name.items()
        ]
        index = [[key, operator, len(blob)] for key, operator, blob in blobs]
        head: dict[str, Any] = {"at": position, "of": index}
        secret = user_key()
        if secret is not None:
            message = self._message(
                partition, position, index, b"".join(blob for *_, blob in blobs)
            )
            head["mark"] = secret.mark(message)
        text = json.dumps(head).encode()
        body = b"".join([len(text).to_bytes(8, "big"), text, *(blob for *_, blob in blobs)])
        path = self._path(partition)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
            with temporary.open("wb") as file:
                file.write(_MAGIC + state_digest(body).encode() + body)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                path.replace(_previous(path))
            temporary.replace(path)
        except OSError as error:
            raise SinkError(f"the shared states {path} cannot be written: {error}") from error
        took = monotonic() - started
        self._due_at[partition] = monotonic() + max(_INTERVAL_S, took / _TIME_FRACTION)

    def load(self, partition: str) -> tuple[int, dict[str, dict[str, dict[str, Array]]]] | None:
        """Return the newest intact position of a partition, and the states of its series.

        Raises
        ------
        StateError
            If the file does not carry the mark of the user's key, and is not trusted.
        """
        path = self._path(partition)
        for each in (path, _previous(path)):
            try:
                head, blobs = _read(each.read_bytes())
            except FileNotFoundError:
                continue  # none yet, or it is being replaced right now
            except (OSError, StateError) as error:
                log.warning("the shared states %s are passed over: %s", each, error)
            else:
                self._check_mark(each, partition, head, blobs)
                return int(head["at"]), _unpack_states(head["of"], blobs)
        return None

    def _check_mark(
        self, path: Path, partition: str, head: Mapping[str, Any], blobs: bytes
    ) -> None:
        """Raise if a file does not carry the mark of the user's key."""
        if self.trust:
            return
        secret, mark = user_key(), head.get("mark")
        message = self._message(partition, head["at"], head["of"], blobs)
        if secret is None or not isinstance(mark, str) or not secret.verifies(mark, message):
            raise StateError(
                f"the shared states {path} must carry the mark of this user's key, got another or "
                f"none (key: {key_path()}); set {KEY_FILE} to one key for all members, or start "
                f"with --trust if only trusted users can write that folder"
            )

    def _message(
        self, partition: str, position: int, index: Sequence[Sequence[Any]], blobs: bytes
    ) -> bytes:
        digest = state_digest(blobs)
        return json.dumps([self.name, partition, position, index, digest]).encode()

    def _path(self, partition: str) -> Path:
        return self.folder / f"{quote(self.name, safe='')}-{quote(partition, safe='')}.states"


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _read(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a file, and the packed states one after another."""
    start = len(_MAGIC) + _HASH
    if (
        data[: len(_MAGIC)] != _MAGIC
        or state_digest(data[start:]).encode() != data[len(_MAGIC) : start]
    ):
        raise StateError("the content must match its checksum, got other bytes")
    size = int.from_bytes(data[start : start + 8], "big")
    first = start + 8 + size
    return json.loads(data[start + 8 : first]), data[first:]


def _unpack_states(
    index: Iterable[tuple[str, str, int]], blobs: bytes
) -> dict[str, dict[str, dict[str, Array]]]:
    states: dict[str, dict[str, dict[str, Array]]] = {}
    start = 0
    for key, operator, length in index:
        states.setdefault(key, {})[operator] = unpack(blobs[start : start + length])
        start += length
    return states
