"""Deletion of old rows by complete chunks, and release of the freed pages of the file."""

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from streamlyt.core.times import parse_duration

from ._checkpoints import steps
from ._series_writer import SeriesWriter
from .retention import RetentionPolicy

__all__ = ["RetentionManager", "enable_vacuum"]

_PART = 64  # of a bound: the fraction of new data after which the bound is checked again
_INCREMENTAL = 2  # the mode of auto_vacuum in which free pages can be released
_FEW = 256  # pages: up to a megabyte stays free for new rows

# A chunk is deleted only if a later one of its level existed at the oldest checkpoint that a run
# may be rewound to: the last chunk is still appended to, and defines the number of rows.
_OVER = (
    "first_row < (SELECT max(first_row) FROM chunks WHERE key = c.key AND level = c.level "
    "AND step <= :oldest)"
)

log = logging.getLogger("streamlyt.runfile")


class RetentionManager:
    """Applies a retention policy to one run file, at its checkpoints.

    Parameters
    ----------
    policy
        The retention policy.
    """

    def __init__(self, policy: RetentionPolicy) -> None:
        self.policy = policy
        self._all = True  # no check since the file was opened
        self._newest: int | None = None  # time of the newest row
        self._unit = ""
        self._checked_at: int | None = None  # the newest time at the last check of the age
        self._grown = 0  # bytes written since the last check of the size
        self._freed = False

    def retain(self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter]) -> None:
        """Delete rows that are too old, within the transaction of a checkpoint.

        Parameters
        ----------
        grown
            The series with new rows.
        """
        if self.policy.retains_all:
            return
        oldest = min(steps(db))
        before = db.total_changes
        if self.policy.max_rows is not None:
            self._by_rows(db, grown, oldest, self.policy.max_rows)
        if self.policy.max_age is not None:
            self._by_age(db, grown, oldest, self.policy.max_age)
        if self.policy.max_mb is not None:
            self._by_size(db, grown, oldest, round(self.policy.max_mb * 1e6))
        self._freed = self._freed or db.total_changes > before

    def settle(self, db: sqlite3.Connection) -> None:
        """Release freed pages to the disk, after the transaction; try again later if it is full."""
        self._all = False
        if self._freed:
            try:
                _release_pages(db)
            except sqlite3.OperationalError as error:  # the checkpoint before is durable
                log.warning("free pages of the run file are not released yet: %s", error)
                return
            self._freed = False

    def _by_rows(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, limit: int
    ) -> None:
        ends: dict[str, int] = {}
        if self._all:
            ends = dict(
                db.execute("SELECT key, max(last_row) + 1 FROM chunks WHERE level = 0 GROUP BY key")
            )
        for key, writer in grown.items():
            size = writer.layout.chunk_rows(0)
            if writer.n // size != writer.saved // size:
                ends[key] = writer.n
        db.executemany(
            f"DELETE FROM chunks AS c WHERE key = :key AND last_row < :cut AND {_OVER}",
            [
                {"key": key, "cut": n - limit, "oldest": oldest}
                for key, n in ends.items()
                if n > limit
            ],
        )

    def _by_age(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, age: int | str
    ) -> None:
        if self._all:
            db.execute("CREATE INDEX IF NOT EXISTS by_time ON chunks (last_time)")
            (self._newest,) = db.execute("SELECT max(last_time) FROM chunks").fetchone()
        for writer in grown.values():
            self._unit = writer.layout.schema.time_unit
            newest = writer.last_time
            self._newest = newest if self._newest is None else max(newest, self._newest)
        if self._newest is None or not self._unit:
            return
        duration = parse_duration("retain_age", age, self._unit)
        if self._checked_at is not None and self._newest - self._checked_at < duration // _PART:
            return
        self._checked_at = self._newest
        bounds = {"cut": self._newest - duration, "oldest": oldest}
        db.execute(f"DELETE FROM chunks AS c WHERE last_time < :cut AND {_OVER}", bounds)
        side_outputs = {"late": "last_time"} | (
            {"deadletters": "time"} if self._unit == "ns" else {}
        )
        for table, time in side_outputs.items():
            # The last entry stays: later numbers continue from it.
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                db.execute(
                    f"DELETE FROM {table} WHERE {time} < :cut AND "
                    f"number < (SELECT max(number) FROM {table})",
                    bounds,
                )

    def _by_size(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, limit: int
    ) -> None:
        self._grown += sum(
            8 * (writer.n - writer.saved) * (1 + len(writer.layout.full))
            for writer in grown.values()
        )
        if not self._all and self._grown < limit // _PART:
            return
        self._grown = 0
        (size,) = db.execute("SELECT ifnull(sum(length(columns)), 0) FROM chunks").fetchone()
        deleted = []
        for *chunk, n_bytes in db.execute(
            f"SELECT key, level, first_row, length(columns) FROM chunks AS c WHERE {_OVER} "
            "ORDER BY step, key, level, first_row",
            {"oldest": oldest},
        ):
            if size <= limit:
                break
            deleted.append(chunk)
            size -= n_bytes
        db.executemany("DELETE FROM chunks WHERE key = ? AND level = ? AND first_row = ?", deleted)


def _release_pages(db: sqlite3.Connection) -> None:
    """Release free pages to the disk if there are many."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    if free > max(_FEW, pages // 8):
        # As a script: execute() would run its first step only, which is one page.
        db.executescript(f"PRAGMA incremental_vacuum({free - pages // 16})")


def enable_vacuum(db: sqlite3.Connection, path: Path) -> None:
    """Rewrite a file that cannot release pages, once; needs the size of the file again."""
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL:
        return
    log.info("rewriting %s once, so that deleted rows release disk space", path)
    db.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    db.execute("VACUUM")
