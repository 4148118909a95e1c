"""SQLite access of the run file: tables, opening, transactions and errors."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from streamlyt.core.errors import FormatError, SinkError, SourceError, StateError

from ._blobs import sync

__all__ = [
    "FORMAT",
    "WriterLock",
    "clear_log",
    "connect",
    "create",
    "read_meta",
    "reading",
    "set_meta",
    "transaction",
    "upgrade",
]

FORMAT = 2  # raised when the tables change their meaning
_APPLICATION = 0x5354524D  # "STRM": the application id of run files in SQLite
_BUSY_S = 30.0  # a reader may lock the file briefly; longer means that it is stalled

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
    number INTEGER PRIMARY KEY, version INTEGER NOT NULL, key TEXT NOT NULL,
    detector TEXT NOT NULL, alarm_index INTEGER NOT NULL, alarm_time INTEGER NOT NULL,
    change_index INTEGER NOT NULL, change_time INTEGER NOT NULL, statistic REAL, threshold REAL,
    channels TEXT NOT NULL, shares TEXT NOT NULL, time_unit TEXT NOT NULL
);
CREATE TABLE chunks (
    key TEXT NOT NULL, level INTEGER NOT NULL, first_row INTEGER NOT NULL,
    last_row INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
    n INTEGER NOT NULL, step INTEGER NOT NULL, columns BLOB NOT NULL,
    PRIMARY KEY (key, level, first_row)
);
CREATE TABLE positions (source TEXT PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE states (
    key TEXT NOT NULL, operator TEXT NOT NULL, step INTEGER NOT NULL, version INTEGER NOT NULL,
    hash TEXT NOT NULL, blob BLOB, PRIMARY KEY (key, operator, step)
);
CREATE INDEX large ON states (hash) WHERE blob IS NULL;
CREATE TABLE generations (step INTEGER PRIMARY KEY, record TEXT NOT NULL);
"""
_STATES = _TABLES[_TABLES.index("CREATE TABLE states") :]


def create(path: Path, meta: Mapping[str, Any], overwrite: bool, shrinks: bool = False) -> None:
    """Create an empty run file atomically.

    With ``shrinks``, the file can release the space of deleted rows to the disk.

    Raises
    ------
    SinkError
        If the file exists, or the folder cannot be written.
    FormatError
        If the file to overwrite is no run file.
    """
    if path.exists():
        if not overwrite:
            raise SinkError(
                f"{path} exists already; resume that run, overwrite it, or name another file"
            )
        connect(path, write=False).close()  # raises unless it is a run file
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        db = sqlite3.connect(unfinished, isolation_level=None)
        try:
            db.executescript(
                f"PRAGMA auto_vacuum = {'INCREMENTAL' if shrinks else 'NONE'}; "
                f"PRAGMA synchronous = OFF; BEGIN; PRAGMA application_id = {_APPLICATION}; "
                f"PRAGMA user_version = {FORMAT};{_TABLES}"
            )
            set_meta(db, meta)
            db.execute("COMMIT")
        finally:
            db.close()
        sync(unfinished)  # before it gets its final name
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        unfinished.replace(path)
        sync(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise SinkError(
            f"the run file {path} cannot be made: {error}; name one in a folder that exists, is "
            f"writable and has space"
        ) from error


def connect(path: Path, write: bool) -> sqlite3.Connection:
    """Open a run file.

    Raises
    ------
    SourceError
        If the file is missing or cannot be read.
    FormatError
        If it is no run file.
    StateError
        If a later streamlyt wrote it.
    SinkError
        If ``write`` is set and it cannot be written.
    """
    if not path.is_file():
        raise SourceError(f"there is no run file {path}; give the path of a *.streamlyt file")
    with ExitStack() as close_on_error:
        try:
            db = close_on_error.enter_context(closing(_connection(path)))
            application = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise SourceError(f"the run file {path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise FormatError(
                f"{path} is not a run file of streamlyt, or is damaged: {error}"
            ) from error
        if application != _APPLICATION:
            raise FormatError(
                f"{path} must be a run file of streamlyt, got another SQLite database"
            )
        if version > FORMAT:
            raise StateError(
                f"this streamlyt reads run files up to format {FORMAT}, got {path} of format "
                f"{version!r}; install a newer streamlyt"
            )
        try:
            if write:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA cache_size = -512")  # kB; a writer rarely reads
                db.execute("PRAGMA journal_mode = WAL").fetchone()
            else:
                db.execute("PRAGMA query_only = ON")
        except sqlite3.OperationalError as error:
            raise SinkError(f"the run file {path} cannot be written: {error}") from error
        close_on_error.pop_all()
    return db


def clear_log(db: sqlite3.Connection) -> None:
    """Merge the write-ahead log into the file, and remove the log."""
    try:
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Without WAL mode the file can be read on a read-only file system.
        db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        pass  # there is a reader: the last one to close the file removes the log


def _connection(path: Path) -> sqlite3.Connection:
    # A reader opens for writing too if possible, so that the last one to close removes the log.
    address = f"file:{quote(str(path.resolve()))}?mode=rw"
    db = sqlite3.connect(
        address, timeout=_BUSY_S, isolation_level=None, uri=True, check_same_thread=False
    )
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return db
    except sqlite3.DatabaseError as error:
        db.close()
        # In a read-only folder SQLite cannot create its shared memory; a file without a log can
        # be read as immutable.
        has_log = path.with_name(path.name + "-wal").exists()
        if has_log or not isinstance(error, sqlite3.OperationalError):
            raise
    return sqlite3.connect(f"{address[:-8]}?immutable=1", isolation_level=None, uri=True)


@contextmanager
def reading(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Read several tables from one consistent snapshot."""
    inside = db.in_transaction
    try:
        if not inside:
            db.execute("BEGIN")
        yield
    except sqlite3.ProgrammingError as error:
        raise SourceError(f"the run file {path} is closed; open it again") from error
    except sqlite3.DatabaseError as error:
        raise FormatError(f"the run file {path} cannot be read: {error}") from error
    finally:
        if not inside:
            _end(db)


def _end(db: sqlite3.Connection) -> None:
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except sqlite3.Error:
        pass  # the earlier error is the one to report


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit the block, or roll back on an error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        _end(db)


def upgrade(db: sqlite3.Connection) -> None:
    """Upgrade a run file of format 1, which stored a single state of each operator."""
    if db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
        return
    db.execute("ALTER TABLE states RENAME TO states_1")
    for statement in _STATES.split(";")[:-1]:
        db.execute(statement)
    db.execute("INSERT INTO states SELECT * FROM states_1")
    db.execute("DROP TABLE states_1")
    set_meta(db, {"format": FORMAT})
    db.execute(f"PRAGMA user_version = {FORMAT}")


def set_meta(db: sqlite3.Connection, meta: Mapping[str, Any]) -> None:
    """Write entries of the table ``meta``, as JSON."""
    rows = [(name, json.dumps(value)) for name, value in meta.items()]
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def read_meta(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the table ``meta`` without the entries of series."""
    rows = db.execute("SELECT * FROM meta WHERE name < 'series:' OR name >= 'series;'")
    return {name: json.loads(value) for name, value in rows}


class WriterLock:
    """An exclusive ``flock`` on the hidden file ``.<run>.lock`` next to the run file.

    The run file itself cannot carry it: closing any handle of a file releases the locks that
    SQLite holds on it in the same process. The name stays the same if the run file is replaced.
    The operating system releases the lock of a process that ends in any way; NFS keeps it across
    machines. Such a process leaves the empty lock file, which the next writer uses.

    Parameters
    ----------
    run
        Path of the run file.
    take_over
        Whether to take the lock from a process that still holds it.

    Raises
    ------
    SinkError
        If another writer holds it, or the folder cannot be written.
    """

    def __init__(self, run: Path, take_over: bool = False) -> None:
        self._path = run.with_name(f".{run.name}.lock")
        self._handle = -1
        try:
            if take_over:  # the other one keeps a lock of a file without a name
                self._path.unlink(missing_ok=True)
            while not self.held:  # its last holder may remove the file as it is opened
                self.release()
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)  # for the message of others
        except BlockingIOError:
            other = os.pread(self._handle, 32, 0).decode(errors="replace") or "unknown"
            os.close(self._handle)
            raise SinkError(
                f"the run file {run} must have one writer, got a second one besides process "
                f"{other}; stop that process first, or use take_over=True if it hangs"
            ) from None
        except OSError as error:
            if self._handle >= 0:
                os.close(self._handle)
            raise SinkError(
                f"the run file {run} cannot be locked: {error}; name one in a folder that exists, "
                f"is writable and has space"
            ) from error

    @property
    def held(self) -> bool:
        """Whether no other writer has taken over."""
        return self._handle >= 0 and _is_named(self._handle, self._path)

    def release(self) -> None:
        """Release the lock, and remove its file unless another writer has taken over."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        with suppress(OSError):  # the folder may be gone or read-only by now
            if _is_named(handle, self._path):
                self._path.unlink()
        os.close(handle)


def _is_named(handle: int, path: Path) -> bool:
    try:
        named = path.stat()
    except OSError:
        return False
    own = os.fstat(handle)
    return (own.st_dev, own.st_ino) == (named.st_dev, named.st_ino)
