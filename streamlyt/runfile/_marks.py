"""Authentication of checkpoints: states that another user wrote or replaced are detected.

The record of a checkpoint contains the sum of one keyed number for each of its states (of series,
operator, step, version and hash, so that state files are covered too) and a mark with the user's
key. A checkpoint subtracts the numbers of the replaced states and adds those of the new ones: its
cost is proportional to the new states, not to all states.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from streamlyt.core.errors import StateError
from streamlyt.core.state import state_digest

from ._blobs import BlobFolder, DamagedError, checked
from ._checkpoints import NEWEST
from ._database import read_meta, set_meta
from .user_key import KEY_FILE, Key, key_path, user_key

__all__ = ["Marks", "Numbered", "States", "begin_marks"]

States = Mapping[tuple[str, str], tuple[int, int, str]]
"""Series and operator -> step, version and hash of a state."""

Numbered = tuple[str, int]
"""Hash of a state, and its keyed number."""

_HOLDING = ("states", "generations", "positions", "chunks", "events", "deadletters", "late")
_RUN = "run"  # the entry of meta that binds marks to the run
_SEALS = ("sum", "pipeline", "mark")
_SUM_BITS = 256
# The newest states up to a step, without their bytes.
_NEWEST = (
    "SELECT key, operator, max(step), version, hash FROM states WHERE step <= ? "
    "GROUP BY key, operator"
)
_LAST = (
    "SELECT step, version, hash FROM states WHERE key = ? AND operator = ? "
    "ORDER BY step DESC LIMIT 1"
)

log = logging.getLogger("streamlyt.runfile")


class Marks:
    """The marks of one run, made with the key of the user.

    Parameters
    ----------
    key
        None if no key can be stored: then nothing is marked, and nothing verifies.
    run
        Unique id of the run.
    """

    def __init__(self, key: Key | None, run: str) -> None:
        self._key = key
        self._run = run
        self._number = None if key is None else key.element_of(run)
        self._sum: int | None = 0  # None while the states of the file are not trusted

    def begin(self, db: sqlite3.Connection, step: int) -> bool:
        """Continue the sum of a checkpoint if its mark verifies; return whether it does.

        Otherwise later checkpoints get no mark.
        """
        self._sum = self.verified(db, step)
        return self._sum is not None

    def vouch(self, db: sqlite3.Connection, step: int) -> None:
        """Continue the sum of a checkpoint without a check of its mark."""
        self._sum = self._total(db, step)

    def replaced(
        self, db: sqlite3.Connection, new: States, before: Mapping[tuple[str, str], Numbered]
    ) -> tuple[int | None, dict[tuple[str, str], Numbered]]:
        """Return the sum after a replacement of states, for :meth:`sealed` and :meth:`settle`.

        Parameters
        ----------
        db
            The run file, before the new states are written.
        new
            The new states.
        before
            Results for the states that were written since the file was opened.

        Returns
        -------
        The sum, and the hash and the number of each new state.
        """
        number, total = self._number, self._sum
        if number is None or total is None:
            return None, {owner: (name, 0) for owner, (_, _, name) in new.items()}
        numbered = {}
        for owner, state in new.items():
            added = number(_message(*owner, *state))
            if owner in before:
                total += added - before[owner][1]
            else:
                last = db.execute(_LAST, owner).fetchone()
                total += added - (0 if last is None else number(_message(*owner, *last)))
            numbered[owner] = state[2], added
        return total % (1 << _SUM_BITS), numbered

    @property
    def sure(self) -> bool:
        """Whether the states of the file are trusted, by a mark or by the user."""
        return self._key is None or self._sum is not None

    def settle(self, total: int | None) -> None:
        """Store the sum after its checkpoint is committed."""
        self._sum = total

    def sealed(
        self, meta: Mapping[str, Any], total: int | None, record: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the record of a checkpoint with its mark.

        Parameters
        ----------
        meta
            Its ``step`` and ``pipeline``.
        total
            Sum of its states; None for no mark.
        record
            Positions, rows and other entries.
        """
        plain = {name: value for name, value in record.items() if name not in _SEALS}
        if self._key is None or total is None:
            return plain
        plain |= {"sum": f"{total:x}", "pipeline": state_digest(meta["pipeline"].encode())}
        return plain | {"mark": self._key.mark(self._text(plain, meta["step"]))}

    def seal(self, db: sqlite3.Connection, steps: Iterable[int]) -> None:
        """Mark existing checkpoints, within a transaction: the user trusts them."""
        meta = read_meta(db)
        for step in steps:
            sealed = self.sealed({**meta, "step": step}, self._total(db, step), _record(db, step))
            db.execute(
                "UPDATE generations SET record = ? WHERE step = ?", (json.dumps(sealed), step)
            )

    def verified(self, db: sqlite3.Connection, step: int) -> int | None:
        """Return the sum of a checkpoint if its mark is of this user's key, else None."""
        if self._key is None:
            return None
        try:
            record = _record(db, step)
            mark = record.pop("mark")
            if not self._key.verifies(mark, self._text(record, step)):
                return None
            meta = read_meta(db)
        except (ValueError, KeyError, TypeError, AttributeError):  # the record is malformed
            return None
        total = self._total(db, step)
        if record["sum"] != f"{total:x}":
            return None
        if step != meta.get("step"):
            return total
        positions = dict(db.execute("SELECT source, position FROM positions").fetchall())
        same = (
            record["positions"] == positions
            and record["pipeline"] == state_digest(str(meta.get("pipeline")).encode())
            and all(record[name] == meta.get(name) for name in ("rows", "seconds"))
            and record.get("taken", {}) == meta.get("taken", {})
        )
        return total if same else None

    def hold(self, db: sqlite3.Connection, step: int) -> None:
        """Raise a DamagedError if a checkpoint has no valid mark of this user."""
        if self._key is not None and self.verified(db, step) is None:
            raise DamagedError("the checkpoint does not carry the mark of this user")

    def _total(self, db: sqlite3.Connection, step: int) -> int:
        if self._number is None:
            return 0
        number = self._number
        total = sum(number(_message(*row)) for row in db.execute(_NEWEST, (step,)))
        return total % (1 << _SUM_BITS)

    def _text(self, record: Mapping[str, Any], step: int) -> bytes:
        return json.dumps([self._run, step, record], sort_keys=True).encode()


def begin_marks(db: sqlite3.Connection, path: Path, trust: bool) -> Marks:
    """Return the marks of a run file that is opened for writing, within a transaction.

    Parameters
    ----------
    db, path
        The run file, with the tables of the current format.
    trust
        Whether the user trusts its content.

    Raises
    ------
    StateError
        If a checkpoint has no mark of this user, and ``trust`` is not set.
    """
    key = user_key()
    if key is None:
        _warn(path, key_path())
    meta = read_meta(db)
    empty = _is_empty(db, meta)
    run = meta.get(_RUN)
    if empty or not isinstance(run, str):
        run = os.urandom(16).hex()
        set_meta(db, {_RUN: run})
    marks = Marks(key, run)
    if empty:
        return marks
    generations = [s for (s,) in db.execute("SELECT step FROM generations ORDER BY step DESC")]
    if marks.begin(db, meta["step"]):
        return marks
    if trust:
        marks.seal(db, generations)
        marks.vouch(db, meta["step"])
    elif generations[:1] != [meta["step"]] or not _can_rewind(marks, db, path, generations):
        raise _untrusted(path)
    return marks


@lru_cache(maxsize=64)  # once for each file
def _warn(path: Path, key: Path) -> None:
    log.warning(
        "%s gets no marks, because no key can be stored at %s: resume it with --trust, or name "
        "another key file in %s",
        path,
        key,
        KEY_FILE,
    )


def _can_rewind(
    marks: Marks, db: sqlite3.Connection, path: Path, generations: Sequence[int]
) -> bool:
    """Return whether a checkpoint verifies, and all later ones are damaged, not forged."""
    for step in generations:
        if marks.verified(db, step) is not None:
            return True
        if not _is_damaged(db, path, step):
            return False
    return False


def _is_damaged(db: sqlite3.Connection, path: Path, step: int) -> bool:
    """Return whether a state does not match its own hash, as after a disk error."""
    blobs = BlobFolder(path)
    for _, _, _, _, name, blob in db.execute(NEWEST, (step,)):
        try:
            checked(blobs.get(name) if blob is None else blob, name, "")
        except DamagedError:
            return True
    return False


def _is_empty(db: sqlite3.Connection, meta: Mapping[str, Any]) -> bool:
    """Return whether a run file contains no data yet that another user could have written."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    filled = [
        name
        for name in _HOLDING
        if name in tables and db.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()
    ]
    return meta.get("step") == 0 and not filled


def _untrusted(path: Path) -> StateError:
    return StateError(
        f"the run file {path} must carry the mark of this user to be resumed, got a file "
        f"written elsewhere or by an older streamlyt, or changed since (key: {key_path()}); "
        f"reading it is safe (streamlyt report, dashboard); if you know its origin, resume it with "
        f"--trust (trust=True), or name its key in {KEY_FILE}"
    )


def _record(db: sqlite3.Connection, step: int) -> dict[str, Any]:
    row = db.execute("SELECT record FROM generations WHERE step = ?", (step,)).fetchone()
    record = {} if row is None else json.loads(row[0])
    return record if isinstance(record, dict) else {}


def _message(*row: Any) -> bytes:
    # repr() is unambiguous: two different rows never give the same bytes.
    return repr(row).encode()
