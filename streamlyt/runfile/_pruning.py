"""Letting go of old rows: whole chunks, and the pages of the file that they were in."""

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from streamlyt.core.times import parse_duration

from ._checkpoints import steps
from ._series_writer import SeriesWriter
from .retention import RetentionPolicy

__all__ = ["RetentionManager", "enable_vacuum"]

_PART = 64  # of a bound that must have been passed before it is looked at again
_INCREMENTAL = 2  # the mode of auto_vacuum in which free pages can be given back
_FEW = 256  # pages: less than a megabyte is left for the rows that come

# A chunk goes only where a later one of its level was there at the oldest checkpoint that a run
# may go back to: the last one is written on, and tells how many rows there are.
_OVER = (
    "first_row < (SELECT max(first_row) FROM chunks WHERE key = c.key AND level = c.level "
    "AND step <= :oldest)"
)

log = logging.getLogger("streamlyt.runfile")


class RetentionManager:
    """Holds one run file to a policy, within its checkpoints.

    Parameters
    ----------
    policy
        The bounds.
    """

    def __init__(self, policy: RetentionPolicy) -> None:
        self.policy = policy
        self._all = True  # nothing was looked at since the file was opened
        self._newest: int | None = None  # time of all rows
        self._unit = ""
        self._looked_at: int | None = None  # that time when the age was looked at
        self._grown = 0  # bytes written since the size was looked at
        self._freed = False

    def retain(self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter]) -> None:
        """Let go of what is too old, within the transaction of a checkpoint.

        Parameters
        ----------
        grown
            The series that have new rows in it.
        """
        if self.policy.retains_all:
            return
        oldest = min(steps(db))
        before = db.total_changes
        if self.policy.retain_rows is not None:
            self._by_rows(db, grown, oldest, self.policy.retain_rows)
        if self.policy.retain_age is not None:
            self._by_age(db, grown, oldest, self.policy.retain_age)
        if self.policy.retain_mb is not None:
            self._by_size(db, grown, oldest, round(self.policy.retain_mb * 1e6))
        self._freed = self._freed or db.total_changes > before

    def settle(self, db: sqlite3.Connection) -> None:
        """Give the disk back what it held, when the transaction is through."""
        self._all = False
        if self._freed:
            self._freed = False
            _give_back(db)

    def _by_rows(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, most: int
    ) -> None:
        ends: dict[str, int] = {}
        if self._all:
            ends = dict(
                db.execute("SELECT key, max(last_row) + 1 FROM chunks WHERE level = 0 GROUP BY key")
            )
        for key, one in grown.items():
            size = one.kept.chunk(0)
            if one.n // size != one.saved // size:
                ends[key] = one.n
        db.executemany(
            f"DELETE FROM chunks AS c WHERE key = :key AND last_row < :cut AND {_OVER}",
            [
                {"key": key, "cut": n - most, "oldest": oldest}
                for key, n in ends.items()
                if n > most
            ],
        )

    def _by_age(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, age: int | str
    ) -> None:
        if self._all:
            db.execute("CREATE INDEX IF NOT EXISTS by_time ON chunks (last_time)")
            (self._newest,) = db.execute("SELECT max(last_time) FROM chunks").fetchone()
        for one in grown.values():
            self._unit = one.kept.schema.time_unit
            newest = one.last_time
            self._newest = newest if self._newest is None else max(newest, self._newest)
        if self._newest is None or not self._unit:
            return
        span = parse_duration("retain_age", age, self._unit)
        if self._looked_at is not None and self._newest - self._looked_at < span // _PART:
            return
        self._looked_at = self._newest
        bounds = {"cut": self._newest - span, "oldest": oldest}
        db.execute(f"DELETE FROM chunks AS c WHERE last_time < :cut AND {_OVER}", bounds)
        aside = {"late": "last_time"} | ({"deadletters": "time"} if self._unit == "ns" else {})
        for table, time in aside.items():
            # The last one stays: numbers go on from it.
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                db.execute(
                    f"DELETE FROM {table} WHERE {time} < :cut AND "
                    f"number < (SELECT max(number) FROM {table})",
                    bounds,
                )

    def _by_size(
        self, db: sqlite3.Connection, grown: Mapping[str, SeriesWriter], oldest: int, most: int
    ) -> None:
        self._grown += sum(
            8 * (one.n - one.saved) * (1 + len(one.kept.full)) for one in grown.values()
        )
        if not self._all and self._grown < most // _PART:
            return
        self._grown = 0
        (size,) = db.execute("SELECT ifnull(sum(length(columns)), 0) FROM chunks").fetchone()
        gone = []
        for *chunk, bytes_of_it in db.execute(
            f"SELECT key, level, first_row, length(columns) FROM chunks AS c WHERE {_OVER} "
            "ORDER BY step, key, level, first_row",
            {"oldest": oldest},
        ):
            if size <= most:
                break
            gone.append(chunk)
            size -= bytes_of_it
        db.executemany("DELETE FROM chunks WHERE key = ? AND level = ? AND first_row = ?", gone)


def _give_back(db: sqlite3.Connection) -> None:
    """Give pages that hold nothing back to the disk, where they are many."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    if free > max(_FEW, pages // 8):
        # As a script: execute() would take the first step of it, which is one page.
        db.executescript(f"PRAGMA incremental_vacuum({free - pages // 16})")


def enable_vacuum(db: sqlite3.Connection, path: Path) -> None:
    """Write a file anew, once, that was made to grow only; it takes as much space meanwhile."""
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL:
        return
    log.info("%s is written anew, so that what it lets go of is given back to the disk", path)
    db.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    db.execute("VACUUM")
