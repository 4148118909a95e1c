"""The last checkpoints of a run: how far each was, and how to go back to one."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamlyt.core import Array

from ._database import set_meta
from ._dead_letters import count_letters, drop_letters
from ._downsampling import BUCKET
from ._late_rows import count_late, drop_late
from ._series_writer import SeriesLayout, SeriesWriter

__all__ = [
    "DOWNSAMPLING_STATE",
    "KEPT",
    "NEWEST",
    "add_checkpoint",
    "go_back",
    "insert_chunks",
    "steps",
]

KEPT = 3  # generations: the newest may be damaged, and the one before it, too
DOWNSAMPLING_STATE = (
    "_levels"  # the operator under whose name the open buckets of a series are saved
)

# The newest state of each operator and series up to a step.
NEWEST = (
    "SELECT key, operator, max(step), version, hash, blob FROM states WHERE step <= ? "
    "GROUP BY key, operator"
)


def steps(db: sqlite3.Connection) -> list[int]:
    """Return the checkpoints that can be gone back to, the newest first."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'generations'").fetchone() is None:
        return []
    return [step for (step,) in db.execute("SELECT step FROM generations ORDER BY step DESC")]


def add_checkpoint(
    db: sqlite3.Connection,
    meta: Mapping[str, Any],
    changed: Iterable[tuple[str, str]],
    sealed: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Note how far a checkpoint is, and let go of the states that only older ones need.

    Parameters
    ----------
    meta
        ``step``, ``rows`` and ``seconds`` of it.
    changed
        Series and operator of the states that are new in it: what it costs grows with these.
    sealed
        Returns the record with its mark.
    """
    record = {
        "rows": meta["rows"],
        "seconds": meta["seconds"],
        "taken": meta.get("taken", {}),
        "positions": dict(db.execute("SELECT source, position FROM positions").fetchall()),
        "events": db.execute("SELECT ifnull(max(number), -1) + 1 FROM events").fetchone()[0],
        "letters": count_letters(db),
        "late": count_late(db),
    }
    db.execute(
        "INSERT OR REPLACE INTO generations VALUES (?, ?)",
        (meta["step"], json.dumps(sealed(record))),
    )
    oldest = steps(db)[:KEPT][-1]
    db.execute("DELETE FROM generations WHERE step < ?", (oldest,))
    db.executemany(
        "DELETE FROM states WHERE key = ?1 AND operator = ?2 AND step < (SELECT max(step) "
        "FROM states WHERE key = ?1 AND operator = ?2 AND step <= ?3)",
        ((*whose, oldest) for whose in changed),
    )


def go_back(
    db: sqlite3.Connection,
    step: int,
    kept: Callable[[str], SeriesLayout],
    buckets: Callable[[str], Mapping[str, Array]],
    series: str,
) -> None:
    """Make a run file what it was at an earlier checkpoint, within a transaction.

    Parameters
    ----------
    step
        Its number.
    kept, buckets
        What is kept of a series, and its open buckets at that checkpoint.
    series
        What the entries of ``meta`` that describe a series begin with.
    """
    (record,) = db.execute("SELECT record FROM generations WHERE step = ?", (step,)).fetchone()
    was = json.loads(record)
    for table in ("states", "generations"):
        db.execute(f"DELETE FROM {table} WHERE step > ?", (step,))
    db.execute("DELETE FROM events WHERE number >= ?", (was["events"],))
    drop_letters(db, was["letters"])
    drop_late(db, was["late"])
    db.execute("DELETE FROM positions")
    db.executemany("INSERT INTO positions VALUES (?, ?)", was["positions"].items())
    taken = was.get("taken", {})
    back = {"rows": was["rows"], "seconds": was["seconds"], "taken": taken, "complete": False}
    set_meta(db, {"step": step, **back})
    grown = db.execute("SELECT DISTINCT key FROM chunks WHERE step > ?", (step,)).fetchall()
    for (key,) in grown:
        state = buckets(key)
        n = int(state["n"][0]) if state else 0
        layout = kept(key)
        db.execute("DELETE FROM chunks WHERE key = ? AND first_row >= ?", (key, n))
        levels = db.execute("SELECT DISTINCT level FROM chunks WHERE key = ?", (key,)).fetchall()
        for (level,) in levels:
            if level > 1 and n <= BUCKET ** (level - 1):
                db.execute("DELETE FROM chunks WHERE key = ? AND level = ?", (key, level))
        if not n:
            db.execute("DELETE FROM meta WHERE name = ?", (series + key,))
            continue
        insert_chunks(db, key, SeriesWriter.restored(key, layout, n, state, db), step)


def insert_chunks(db: sqlite3.Connection, key: str, one: SeriesWriter, step: int) -> None:
    """Write the chunks of a series since the last full one, on every level."""
    db.executemany(
        "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(key, *head, step, blob) for *head, blob in one.chunks()],
    )
