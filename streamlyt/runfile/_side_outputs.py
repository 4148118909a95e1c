"""Side outputs in the run file: late rows, and messages that could not be decoded."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np

from streamlyt.core import Batch, DeadLetter, Schema

from ._chunks import decode, encode

__all__ = [
    "add_dead_letters",
    "add_late_rows",
    "count_dead_letters",
    "count_late_rows",
    "delete_dead_letters_after",
    "delete_late_rows_after",
    "mark_redriven",
    "read_dead_letters",
    "read_late_rows",
]

# Each table is created with its first entry, so run files of earlier versions need no upgrade.
_DEAD_LETTERS = """
CREATE TABLE IF NOT EXISTS deadletters (
    number INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    offset INTEGER NOT NULL, key BLOB, value BLOB NOT NULL, reason TEXT NOT NULL,
    time INTEGER NOT NULL, redriven INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition, offset)
)
"""
_LATE_ROWS = """
CREATE TABLE IF NOT EXISTS late (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL, n INTEGER NOT NULL, schema TEXT NOT NULL, columns BLOB NOT NULL
)
"""
_FIELDS = "topic, partition, offset, key, value, reason, time"


def add_dead_letters(db: sqlite3.Connection, dead_letters: Sequence[DeadLetter]) -> None:
    """Write dead letters; one that is already stored stays unchanged."""
    if not dead_letters:
        return
    db.execute(_DEAD_LETTERS)
    db.executemany(
        f"INSERT OR IGNORE INTO deadletters ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (one.topic, one.partition, one.offset, one.key, one.value, one.reason, one.time)
            for one in dead_letters
        ],
    )


def read_dead_letters(db: sqlite3.Connection, redriven: bool) -> list[DeadLetter]:
    """Return the dead letters that were not redriven, or all, in the order of arrival."""
    if not _exists(db, "deadletters"):
        return []
    where = "" if redriven else " WHERE redriven = 0"
    rows = db.execute(f"SELECT {_FIELDS} FROM deadletters{where} ORDER BY number")
    return [DeadLetter(*row) for row in rows]


def mark_redriven(db: sqlite3.Connection, dead_letters: Iterable[DeadLetter]) -> None:
    """Mark dead letters as redriven."""
    db.executemany(
        "UPDATE deadletters SET redriven = 1 WHERE topic = ? AND partition = ? AND offset = ?",
        [(one.topic, one.partition, one.offset) for one in dead_letters],
    )


def count_dead_letters(db: sqlite3.Connection) -> int:
    """Return the number of the last dead letter, 0 if there is none."""
    return _last_number(db, "deadletters")


def delete_dead_letters_after(db: sqlite3.Connection, number: int) -> None:
    """Delete the dead letters with a higher number."""
    _delete_after(db, "deadletters", number)


def add_late_rows(db: sqlite3.Connection, batches: Sequence[Batch]) -> None:
    """Write late rows."""
    if not batches:
        return
    db.execute(_LATE_ROWS)
    db.executemany(
        "INSERT INTO late (key, first_time, last_time, n, schema, columns) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                one.key,
                int(one.times[0]),
                int(one.times[-1]),
                one.n_rows,
                json.dumps(one.schema.to_dict()),
                encode(
                    [("time", one.times), *zip(one.schema.channel_names, one.values.T, strict=True)]
                ),
            )
            for one in batches
        ],
    )


def read_late_rows(db: sqlite3.Connection) -> list[Batch]:
    """Return the late rows in the order of arrival."""
    if not _exists(db, "late"):
        return []
    batches = []
    for number, key, schema_json, blob in db.execute(
        "SELECT number, key, schema, columns FROM late ORDER BY number"
    ):
        schema = Schema.from_dict(json.loads(schema_json))
        times, *columns = decode(blob, range(1 + schema.n_channels), f"late rows {number}")
        values = np.concatenate(columns, axis=1) if columns else np.empty((len(times), 0))
        batches.append(Batch(key, times, values, schema))
    return batches


def count_late_rows(db: sqlite3.Connection) -> int:
    """Return the number of the last batch of late rows, 0 if there is none."""
    return _last_number(db, "late")


def delete_late_rows_after(db: sqlite3.Connection, number: int) -> None:
    """Delete the late rows with a higher number."""
    _delete_after(db, "late", number)


def _exists(db: sqlite3.Connection, table: str) -> bool:
    found = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return found is not None


def _last_number(db: sqlite3.Connection, table: str) -> int:
    if not _exists(db, table):
        return 0
    return int(db.execute(f"SELECT ifnull(max(number), 0) FROM {table}").fetchone()[0])


def _delete_after(db: sqlite3.Connection, table: str, number: int) -> None:
    if _exists(db, table):
        db.execute(f"DELETE FROM {table} WHERE number > ?", (number,))
