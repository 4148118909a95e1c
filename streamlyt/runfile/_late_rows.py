"""Late rows in the run file: those that came too late to be put in order."""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from streamlyt.core import Batch, Schema

from ._chunks import decode, encode

__all__ = ["add_late", "count_late", "drop_late", "read_late"]

# Made when the first late row comes: a run file of before is written on as it is.
_TABLE = """
CREATE TABLE IF NOT EXISTS late (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL, n INTEGER NOT NULL, schema TEXT NOT NULL, columns BLOB NOT NULL
)
"""


def add_late(db: sqlite3.Connection, batches: Sequence[Batch]) -> None:
    """Write late rows."""
    if not batches:
        return
    db.execute(_TABLE)
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


def read_late(db: sqlite3.Connection) -> list[Batch]:
    """Return the late rows in the order in which they came."""
    if not _there(db):
        return []
    found = []
    for number, key, described, blob in db.execute(
        "SELECT number, key, schema, columns FROM late ORDER BY number"
    ):
        schema = Schema.from_dict(json.loads(described))
        times, *columns = decode(blob, range(1 + schema.n_channels), f"late rows {number}")
        values = np.concatenate(columns, axis=1) if columns else np.empty((len(times), 0))
        found.append(Batch(key, times, values, schema))
    return found


def count_late(db: sqlite3.Connection) -> int:
    """Return the number of the last one, 0 where there is none."""
    if not _there(db):
        return 0
    return int(db.execute("SELECT ifnull(max(number), 0) FROM late").fetchone()[0])


def drop_late(db: sqlite3.Connection, number: int) -> None:
    """Forget those after a number."""
    if _there(db):
        db.execute("DELETE FROM late WHERE number > ?", (number,))


def _there(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'late'").fetchone() is not None
