"""Marks of checkpoints: a state that anybody but the user wrote, or mixed in, is noticed.

The record of a checkpoint holds the sum of a keyed number of each of its states (series, operator,
step, version and hash, so that files beside the run file are covered too), and is marked with the
user's key. A checkpoint takes off the numbers of the states that it replaces and adds those of the
new ones: what it costs grows with these, not with all the states there are.
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
_RUN = "run"  # the entry of meta that marks are bound to
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
    """The marks of one run, with the key of the user.

    Parameters
    ----------
    key
        None where no key can be kept: nothing is marked then, and nothing verifies.
    run
        What the run is known by, in no other file.
    """

    def __init__(self, key: Key | None, run: str) -> None:
        self._key = key
        self._run = run
        self._number = None if key is None else key.element_of(run)
        self._sum: int | None = 0  # None while the states of the file are not vouched for

    def begin(self, db: sqlite3.Connection, step: int) -> bool:
        """Go on from the states that a run file holds up to a step, if its mark verifies.

        What is written on top of others gets no mark.
        """
        self._sum = self.verified(db, step)
        return self._sum is not None

    def vouch(self, db: sqlite3.Connection, step: int) -> None:
        """Go on from the states that a run file holds up to a step, whoever wrote them."""
        self._sum = self._total(db, step)

    def replaced(
        self, db: sqlite3.Connection, new: States, before: Mapping[tuple[str, str], Numbered]
    ) -> tuple[int | None, dict[tuple[str, str], Numbered]]:
        """Return the sum when states were replaced, for :meth:`sealed` and then :meth:`settle`.

        Parameters
        ----------
        db
            The run file, before they are written.
        new
            They.
        before
            What was returned for those that were written since the file was opened.

        Returns
        -------
        The sum, and the hash and the number of each new state.
        """
        number, total = self._number, self._sum
        if number is None or total is None:
            return None, {whose: (name, 0) for whose, (_, _, name) in new.items()}
        numbered = {}
        for whose, state in new.items():
            own = number(_message(*whose, *state))
            if whose in before:
                total += own - before[whose][1]
            else:
                last = db.execute(_LAST, whose).fetchone()
                total += own - (0 if last is None else number(_message(*whose, *last)))
            numbered[whose] = state[2], own
        return total % (1 << _SUM_BITS), numbered

    @property
    def sure(self) -> bool:
        """Whether the states of the file are vouched for, by a mark or by the user."""
        return self._key is None or self._sum is not None

    def settle(self, total: int | None) -> None:
        """Take a sum for that of the file: its checkpoint is through."""
        self._sum = total

    def sealed(
        self, meta: Mapping[str, Any], total: int | None, record: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the record of a checkpoint with its mark.

        Parameters
        ----------
        meta
            ``step`` and ``pipeline`` of it.
        total
            The sum of its states; None for a mark on nothing.
        record
            Positions, rows and the like.
        """
        plain = {name: each for name, each in record.items() if name not in _SEALS}
        if self._key is None or total is None:
            return plain
        plain |= {"sum": f"{total:x}", "pipeline": state_digest(meta["pipeline"].encode())}
        return plain | {"mark": self._key.mark(self._text(plain, meta["step"]))}

    def seal(self, db: sqlite3.Connection, steps: Iterable[int]) -> None:
        """Mark checkpoints as they stand, within a transaction: somebody vouches for them."""
        meta = read_meta(db)
        for step in steps:
            sealed = self.sealed({**meta, "step": step}, self._total(db, step), _record(db, step))
            db.execute(
                "UPDATE generations SET record = ? WHERE step = ?", (json.dumps(sealed), step)
            )

    def verified(self, db: sqlite3.Connection, step: int) -> int | None:
        """Return the sum of a checkpoint that was written under this user's key, else None."""
        if self._key is None:
            return None
        try:
            record = _record(db, step)
            mark = record.pop("mark")
            if not self._key.verifies(mark, self._text(record, step)):
                return None
            meta = read_meta(db)
        except (ValueError, KeyError, TypeError, AttributeError):  # it was made by nobody of ours
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
        """Raise a DamagedError where a checkpoint is whole, but not of this user's making."""
        if self._key is not None and self.verified(db, step) is None:
            raise DamagedError("it does not carry the mark of this user")

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
        The run file, which has today's tables.
    trust
        Whether the user vouches for what is in it.

    Raises
    ------
    StateError
        If it holds a checkpoint that no mark of this user's is on, and nobody vouches for it.
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
    elif generations[:1] != [meta["step"]] or not _may_go_back(marks, db, path, generations):
        raise _untrusted(path)
    return marks


@lru_cache(maxsize=64)  # once for each
def _warn(path: Path, key: Path) -> None:
    log.warning(
        "%s gets no marks, as no key can be kept at %s: to resume it takes --trust; %s can name a "
        "file elsewhere",
        path,
        key,
        KEY_FILE,
    )


def _may_go_back(
    marks: Marks, db: sqlite3.Connection, path: Path, generations: Sequence[int]
) -> bool:
    """Tell whether a checkpoint verifies, and those after it are damaged and not changed."""
    for step in generations:
        if marks.verified(db, step) is not None:
            return True
        if not _is_damaged(db, path, step):
            return False
    return False


def _is_damaged(db: sqlite3.Connection, path: Path, step: int) -> bool:
    """Tell whether a state is not what its own hash says, as after a fault of the disk."""
    blobs = BlobFolder(path)
    for _, _, _, _, name, blob in db.execute(NEWEST, (step,)):
        try:
            checked(blobs.get(name) if blob is None else blob, name, "")
        except DamagedError:
            return True
    return False


def _is_empty(db: sqlite3.Connection, meta: Mapping[str, Any]) -> bool:
    """Tell whether a run file holds nothing yet that anybody could have put there."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    filled = [
        name
        for name in _HOLDING
        if name in tables and db.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()
    ]
    return meta.get("step") == 0 and not filled


def _untrusted(path: Path) -> StateError:
    return StateError(
        f"the run file {path} must carry the mark of this user to be resumed, got one that was "
        f"written elsewhere or by an older streamlyt, or changed since (key: {key_path()}); it can "
        f"be looked at (streamlyt report, dash); resume it with --trust (trust=True) if you know "
        f"where it comes from, or name the key that it was written with in {KEY_FILE}"
    )


def _record(db: sqlite3.Connection, step: int) -> dict[str, Any]:
    found = db.execute("SELECT record FROM generations WHERE step = ?", (step,)).fetchone()
    record = {} if found is None else json.loads(found[0])
    return record if isinstance(record, dict) else {}


def _message(*row: Any) -> bytes:
    # As Python writes them: of two different rows never the same, whatever their types.
    return repr(row).encode()
