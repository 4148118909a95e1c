"""The last checkpoints of a run: their records, and rewinding to one of them."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamlyt.core import Array

from ._database import set_meta
from ._downsampling import BUCKET
from ._series_writer import SeriesLayout, SeriesWriter
from ._side_outputs import (
    count_dead_letters,
    count_late_rows,
    delete_dead_letters_after,
    delete_late_rows_after,
)

__all__ = [
    "DOWNSAMPLING_STATE",
    "KEPT",
    "NEWEST",
    "add_checkpoint",
    "insert_chunks",
    "rewind",
    "step_before_end",
    "steps",
]

KEPT = 3  # checkpoints: the newest two may be damaged
DOWNSAMPLING_STATE = (
    "_levels"  # the operator name under which the open buckets of a series are saved
)
_START: dict[str, Any] = {  # the record of a run before its first checkpoint
    **{"rows": 0, "seconds": 0.0, "taken": {}, "positions": {}, "events": 0, "letters": 0},
    "late": 0,
}

# The newest state of each operator and series up to a step.
NEWEST = (
    "SELECT key, operator, max(step), version, hash, blob FROM states WHERE step <= ? "
    "GROUP BY key, operator"
)


def steps(db: sqlite3.Connection) -> list[int]:
    """Return the checkpoints that a run can be rewound to, the newest first."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'generations'").fetchone() is None:
        return []
    return [step for (step,) in db.execute("SELECT step FROM generations ORDER BY step DESC")]


def step_before_end(db: sqlite3.Connection, newest: int) -> int | None:
    """Return the last checkpoint before the end of the source; None if it is not kept."""
    records = db.execute("SELECT step, record FROM generations ORDER BY step DESC").fetchall()
    for step, record in records:
        # Records of older versions do not name the end, after which they saved nothing.
        if not json.loads(record).get("complete", step == newest):
            return int(step)
    return 0 if records and records[-1][0] == 1 else None


def add_checkpoint(
    db: sqlite3.Connection,
    meta: Mapping[str, Any],
    changed: Iterable[tuple[str, str]],
    sealed: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """Write the record of a checkpoint, and delete states that only older ones need.

    Parameters
    ----------
    meta
        Its ``step``, ``rows``, ``seconds``, ``complete`` and ``pipeline``: the parameters in force.
    changed
        Series and operator of its new states: the cost is proportional to their number.
    sealed
        Adds the mark to the record.
    """
    record = {
        "rows": meta["rows"],
        "seconds": meta["seconds"],
        "complete": meta["complete"],
        "text": meta["pipeline"],
        "taken": meta.get("taken", {}),
        "positions": dict(db.execute("SELECT source, position FROM positions").fetchall()),
        "events": db.execute("SELECT ifnull(max(number), -1) + 1 FROM events").fetchone()[0],
        "letters": count_dead_letters(db),
        "late": count_late_rows(db),
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
        ((key, operator, oldest) for key, operator in changed),
    )


def rewind(
    db: sqlite3.Connection,
    step: int,
    layouts: Callable[[str], SeriesLayout],
    buckets: Callable[[str], Mapping[str, Array]],
    series: str,
) -> None:
    """Restore a run file to an earlier checkpoint, within a transaction.

    Parameters
    ----------
    step
        Number of the checkpoint; 0 for the start of the run.
    layouts, buckets
        Return the layout of a series, and its open buckets at that checkpoint.
    series
        Prefix of the entries of ``meta`` that describe a series.
    """
    row = db.execute("SELECT record FROM generations WHERE step = ?", (step,)).fetchone()
    saved = _START if row is None and step == 0 else json.loads(row[0])
    for table in ("states", "generations"):
        db.execute(f"DELETE FROM {table} WHERE step > ?", (step,))
    db.execute("DELETE FROM events WHERE number >= ?", (saved["events"],))
    delete_dead_letters_after(db, saved["letters"])
    delete_late_rows_after(db, saved["late"])
    db.execute("DELETE FROM positions")
    db.executemany("INSERT INTO positions VALUES (?, ?)", saved["positions"].items())
    written = saved.get("taken", {})
    restored = {"rows": saved["rows"], "seconds": saved["seconds"], "taken": written}
    if "text" in saved:
        restored["pipeline"] = saved["text"]
    set_meta(db, {"step": step, **restored, "complete": saved.get("complete", False)})
    grown = db.execute("SELECT DISTINCT key FROM chunks WHERE step > ?", (step,)).fetchall()
    for (key,) in grown:
        state = buckets(key)
        n = int(state["n"][0]) if state else 0
        layout = layouts(key)
        db.execute("DELETE FROM chunks WHERE key = ? AND first_row >= ?", (key, n))
        levels = db.execute("SELECT DISTINCT level FROM chunks WHERE key = ?", (key,)).fetchall()
        for (level,) in levels:
            if level > 1 and n <= BUCKET ** (level - 1):
                db.execute("DELETE FROM chunks WHERE key = ? AND level = ?", (key, level))
        if not n:
            db.execute("DELETE FROM meta WHERE name = ?", (series + key,))
            continue
        insert_chunks(db, key, SeriesWriter.restored(key, layout, n, state, db), step)


def insert_chunks(db: sqlite3.Connection, key: str, writer: SeriesWriter, step: int) -> None:
    """Write the chunks of a series since the last full one, on every level."""
    db.executemany(
        "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(key, *head, step, blob) for *head, blob in writer.chunks()],
    )
