"""Dead letters in the run file: messages that could not be decoded, until they are redriven."""

import sqlite3
from collections.abc import Iterable, Sequence

from streamlyt.core import DeadLetter

__all__ = ["add_letters", "count_letters", "drop_letters", "mark_letters", "read_letters"]

# Made when the first letter comes: a run file of before is written on as it is.
_TABLE = """
CREATE TABLE IF NOT EXISTS deadletters (
    number INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    offset INTEGER NOT NULL, key BLOB, value BLOB NOT NULL, reason TEXT NOT NULL,
    time INTEGER NOT NULL, redriven INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition, offset)
)
"""
_FIELDS = "topic, partition, offset, key, value, reason, time"


def add_letters(db: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    """Write letters; one that is there already stays as it is."""
    if not letters:
        return
    db.execute(_TABLE)
    db.executemany(
        f"INSERT OR IGNORE INTO deadletters ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (one.topic, one.partition, one.offset, one.key, one.value, one.reason, one.time)
            for one in letters
        ],
    )


def read_letters(db: sqlite3.Connection, redriven: bool) -> list[DeadLetter]:
    """Return the letters that were not redriven, or all, in the order in which they came."""
    if not _there(db):
        return []
    some = "" if redriven else " WHERE redriven = 0"
    rows = db.execute(f"SELECT {_FIELDS} FROM deadletters{some} ORDER BY number")
    return [DeadLetter(*row) for row in rows]


def mark_letters(db: sqlite3.Connection, letters: Iterable[DeadLetter]) -> None:
    """Remember that letters were redriven."""
    db.executemany(
        "UPDATE deadletters SET redriven = 1 WHERE topic = ? AND partition = ? AND offset = ?",
        [(one.topic, one.partition, one.offset) for one in letters],
    )


def count_letters(db: sqlite3.Connection) -> int:
    """Return the number of the last one, 0 where there is none."""
    if not _there(db):
        return 0
    return int(db.execute("SELECT ifnull(max(number), 0) FROM deadletters").fetchone()[0])


def drop_letters(db: sqlite3.Connection, number: int) -> None:
    """Forget those after a number."""
    if _there(db):
        db.execute("DELETE FROM deadletters WHERE number > ?", (number,))


def _there(db: sqlite3.Connection) -> bool:
    return (
        db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deadletters'").fetchone() is not None
    )
