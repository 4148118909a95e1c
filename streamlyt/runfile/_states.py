"""The states in a run file, verified on reading."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamlyt.core import Array
from streamlyt.core.errors import StateError
from streamlyt.core.state import STATE_VERSION, pack, state_digest, unpack

from ._blobs import BlobFolder, checked
from ._checkpoints import DOWNSAMPLING_STATE, NEWEST
from ._reader import RunReader

__all__ = ["StateReader"]

_LARGEST_BLOB = 256 * 1024  # bytes: larger states cost SQLite 4 times a plain file


class StateReader(RunReader):
    """A run file with the states of its operators."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        super().__init__(path, db)
        self._blobs = BlobFolder(path)

    def states(self) -> dict[str, dict[str, dict[str, Array]]]:
        """Return series -> operator -> state as of the last checkpoint.

        Raises
        ------
        StateError
            If a state is damaged, missing, or of a later version.
        """
        return self._states(self.meta["step"])

    def _states(self, step: int) -> dict[str, dict[str, dict[str, Array]]]:
        states: dict[str, dict[str, dict[str, Array]]] = {}
        for key, operator, *saved in self._rows(NEWEST, (step,)):
            state = self._state(f"operator {operator!r}, series {key!r}", *saved)
            if operator != DOWNSAMPLING_STATE:
                states.setdefault(key, {})[operator] = state
        return states

    def _open_buckets(self, key: str) -> dict[str, Array]:
        rows = self._rows(
            "SELECT key, operator, step, version, hash, blob FROM states WHERE key = ? "
            "AND operator = ? AND step <= (SELECT CAST(value AS INTEGER) FROM meta "
            "WHERE name = 'step') ORDER BY step DESC LIMIT 1",
            (key, DOWNSAMPLING_STATE),
        )
        return (
            self._state(f"the downsampling levels of series {key!r}", *rows[0][2:]) if rows else {}
        )

    def _state(
        self, owner: str, step: int, version: int, name: str, blob: bytes | None
    ) -> dict[str, Array]:
        if version > STATE_VERSION:
            raise StateError(
                f"this streamlyt reads states up to version {STATE_VERSION}, got version "
                f"{version!r} of {owner} at step {step}; install a newer streamlyt"
            )
        return unpack(checked(self._blobs.get(name) if blob is None else blob, name, owner))

    def _put(
        self,
        states: Iterable[tuple[str, Mapping[str, Mapping[str, Array]]]],
        saved: Mapping[tuple[str, str], tuple[str, int]],
    ) -> dict[tuple[str, str], tuple[str, bytes | None]]:
        """Return the hash and the bytes of states that differ from those saved.

        Large states go to files of their own, and have no bytes here.
        """
        blobs: dict[tuple[str, str], tuple[str, bytes | None]] = {}
        for key, by_name in states:
            for operator, state in by_name.items():
                blob = pack(state)
                name = state_digest(blob)
                if (key, operator) in saved and saved[key, operator][0] == name:
                    continue
                if len(blob) > _LARGEST_BLOB:
                    self._blobs.put(blob, name)
                blobs[key, operator] = name, blob if len(blob) <= _LARGEST_BLOB else None
        return blobs
