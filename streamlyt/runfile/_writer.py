"""The run file: events, columns, positions and states of one run, in one SQLite file."""

import json
import os
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from streamlyt import __version__
from streamlyt.core import Array, Batch, DeadLetter, Event, Position
from streamlyt.core.errors import ParameterError, SinkError, StateError
from streamlyt.core.state import STATE_VERSION

from ._blobs import BlobFolder
from ._checkpoints import DOWNSAMPLING_STATE, add_checkpoint, insert_chunks
from ._database import (
    FORMAT,
    WriterLock,
    clear_log,
    connect,
    create,
    set_meta,
    transaction,
    upgrade,
)
from ._maintenance import RunFileMaintenance
from ._marks import begin_marks
from ._reader import SERIES, event_row
from ._series_writer import SeriesWriter
from ._side_outputs import add_dead_letters, add_late_rows
from .retention import RetentionPolicy

__all__ = ["RunFile"]

_MAX_SERIES = 4096  # with open chunks in memory; those of others are read back


class RunFile(RunFileMaintenance):
    """One run in one file (``*.streamlyt``, SQLite), readable while it grows.

    Output since the last checkpoint is buffered in memory. A checkpoint commits it together with
    the positions and the states in one transaction. A killed run resumes from the last checkpoint
    and ends with the same rows as an uninterrupted run, on every level.

    Tables: ``meta``, ``events``, ``chunks`` (columns as Arrow IPC: level 0 the rows, each higher
    level the minimum, maximum and mean of 64 rows of the one below, without missing values),
    ``positions``, ``states`` (plain arrays, hashed; above 256 kB in files of their own),
    ``generations`` (the last three checkpoints).

    Make one with :meth:`create` or :meth:`open`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from streamlyt.core import Schema
    >>> folder = TemporaryDirectory()
    >>> with RunFile.create(folder.name + "/a.streamlyt", pipeline="") as run:
    ...     run.write_rows(Batch("a", range(100), [[float(i)] for i in range(100)], Schema.of("x")))
    ...     run.checkpoint({}, {})
    >>> with RunFile.open(folder.name + "/a.streamlyt") as run:
    ...     run.keys(), run.n_rows("a"), run.downsample("a", points=2).maximum.ravel()
    (['a'], 100, array([63., 99.]))
    >>> folder.cleanup()
    """

    def __init__(
        self,
        path: Path,
        db: sqlite3.Connection,
        lock: WriterLock | None = None,
        trust: bool = False,
    ) -> None:
        super().__init__(path, db)
        self._lock = lock  # None: open for reading
        self._series: dict[str, SeriesWriter] = {}
        self._events: list[Event] = []
        self._dead_letters: list[DeadLetter] = []
        self._late: list[Batch] = []
        self._newest: dict[tuple[str, str], tuple[str, int]] = {}  # hash and number of our states
        self._n_events = 0  # saved
        self._in_doubt = False  # a checkpoint was interrupted: the file may hold it
        if lock is not None:
            self._fence(trust)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        pipeline: str,
        raw_channel_limit: int = 64,
        chunk_bytes: int = 2**18,
        overwrite: bool = False,
        retention: RetentionPolicy | None = None,
    ) -> Self:
        """Create a run file and open it for writing.

        Parameters
        ----------
        path
            Path of the file; by convention it ends with ``.streamlyt``.
        pipeline
            The pipeline as TOML, stored unchanged.
        raw_channel_limit
            A series with more input channels than this stores only the columns ``full`` of
            :meth:`write_rows` row by row, and the others from level 1 on.
        chunk_bytes
            Approximate size of a chunk of columns; the last one is rewritten at every checkpoint.
        overwrite
            Whether an existing run file may be replaced.
        retention
            Retention of rows; None for no limits.

        Raises
        ------
        SinkError
            If the file exists, another process writes it, or the folder cannot be written.
        FormatError
            If the file to be replaced is no run file.
        """
        if raw_channel_limit < 0 or chunk_bytes < 1:
            raise ParameterError(
                "raw_channel_limit must be at least 0 and chunk_bytes at least 1, got "
                f"{raw_channel_limit!r}, {chunk_bytes!r}"
            )
        meta = {
            "format": FORMAT,
            "pipeline": pipeline,
            "streamlyt": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "wide": raw_channel_limit,
            "chunk_bytes": chunk_bytes,
            "step": 0,
            "rows": 0,
            "seconds": 0.0,
            "complete": False,
        }
        if retention is not None and not retention.retains_all:
            meta["policy"] = retention.get_params()
        path = Path(path)
        with ExitStack() as release_on_error:
            lock = WriterLock(path)
            release_on_error.callback(lock.release)
            create(path, meta, overwrite, shrinks="policy" in meta)
            BlobFolder(path).keep(())
            run = cls._opened(path, lock, trust=False)
            release_on_error.pop_all()
        return run

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        write: bool = False,
        *,
        trust: bool = False,
        take_over: bool = False,
    ) -> Self:
        """Open a run file to read it or to resume it.

        A run file has one writer, which locks it until it closes it or ends. The newest intact
        checkpoint must carry the mark of the user's key, because its states become the states of
        operators, and a file from elsewhere may contain anything.

        Parameters
        ----------
        path
            Path of the file.
        write
            Whether the run is resumed.
        trust
            Whether to accept a file without the mark, and to mark it: one written by another
            user, on another machine or by an older streamlyt.
        take_over
            Whether to take over from another writer, one that hangs: its next checkpoint fails.

        Raises
        ------
        SourceError
            If there is no such file.
        FormatError
            If it is no run file, or damaged.
        StateError
            If a later streamlyt wrote it; or if ``write`` is set and the mark is missing.
        SinkError
            If ``write`` is set, and another process writes it or it cannot be written.
        """
        path = Path(path)
        if not write:
            return cls._opened(path, None, trust)
        with ExitStack() as release_on_error:
            connect(path, write=False).close()  # raises unless it is a run file
            lock = WriterLock(path, take_over)
            release_on_error.callback(lock.release)
            run = cls._opened(path, lock, trust)
            release_on_error.pop_all()
        return run

    @classmethod
    def _opened(cls, path: Path, lock: WriterLock | None, trust: bool) -> Self:
        with ExitStack() as close_on_error:
            db = close_on_error.enter_context(closing(connect(path, write=lock is not None)))
            run = cls(path, db, lock, trust)
            close_on_error.pop_all()
        return run

    def write_rows(self, batch: Batch, full: Collection[str] | None = None) -> None:
        """Accept rows.

        Parameters
        ----------
        batch
            The rows.
        full
            Names of the columns that are stored row by row even if the series has more than
            ``raw_channel_limit`` others; None for all. The first batch of a series decides.
        """
        self._series_of(batch, full).add(batch)

    def write_event(self, event: Event) -> None:
        """Accept an event."""
        self._events.append(event)

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Accept a dead letter."""
        self._dead_letters.append(letter)

    def write_late_rows(self, batch: Batch) -> None:
        """Accept late rows."""
        self._late.append(batch)

    def discard_pending(self) -> None:
        """Discard everything accepted since the last checkpoint."""
        self._series.clear()
        self._events, self._dead_letters, self._late = [], [], []
        if self._in_doubt:
            self._newest.clear()
            self._known = set(self.keys())
            (self._n_events,) = self._rows("SELECT count(*) FROM events")[0]
            if self._marks.sure:
                self._marks.vouch(self._db, self.meta["step"])
            self._in_doubt = False

    def checkpoint(
        self,
        positions: Mapping[str, Position],
        states: Mapping[str, Mapping[str, Mapping[str, Array]]],
        step: int | None = None,
        **meta: Any,
    ) -> None:
        """Commit everything accepted, with positions and states, in one transaction.

        Parameters
        ----------
        positions
            Source -> position at which reading resumes.
        states
            Series -> operator -> state. Saved states that are not given stay unchanged.
        step
            Number of the checkpoint; one more than the last if None.
        **meta
            Entries of :attr:`meta` to set: ``rows``, ``seconds``, ``complete``.

        Raises
        ------
        SinkError
            If the file cannot be written. The last checkpoint is intact, and everything accepted
            since is still in memory: free disk space and call again.
        StateError
            If another process writes the run file now.
        """
        if self._lock is None:
            raise SinkError(
                f"the run file {self.path} is open for reading; open it with write=True"
            )
        self._in_doubt = True
        try:
            new = self._write(positions, states, step, meta)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StateError | SinkError):
                raise
            raise SinkError(
                f"the run file {self.path} cannot be written: {error}; the last checkpoint is "
                f"safe ({self._saved_counts()}): fix the cause and resume the run"
            ) from error
        self._n_events, self._events = self._n_events + len(self._events), []
        self._dead_letters, self._late = [], []
        self._known.update(self._series)
        for series in self._series.values():
            if series.n != series.saved:
                series.settle()
        for key in list(self._series)[:-_MAX_SERIES]:
            del self._series[key]
        self._retention.settle(self._db)
        if new:
            self._newest.update(new)
            names = self._db.execute("SELECT hash FROM states WHERE blob IS NULL")
            self._blobs.keep({name for (name,) in names})
        self._in_doubt = False

    def close(self) -> None:
        """Close the file; discard everything since the last checkpoint, and remove the log."""
        lock, self._lock = self._lock, None
        try:
            # The log of a file that another writer has taken over is no longer ours.
            if lock is not None and lock.held:
                clear_log(self._db)
        finally:
            super().close()
            if lock is not None:
                lock.release()

    def _fence(self, trust: bool) -> None:
        self._token = os.urandom(8).hex()
        try:
            with transaction(self._db):
                upgrade(self._db)
                self._marks = begin_marks(self._db, self.path, trust)
                set_meta(self._db, {"writer": self._token})
                self._n_events = self._db.execute("SELECT count(*) FROM events").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        except StateError:
            clear_log(self._db)  # the file stays unchanged
            raise
        self._known = set(self.keys())
        meta = self.meta
        self._layout = meta["wide"], meta["chunk_bytes"]
        self._apply_retention(RetentionPolicy.of(meta.get("policy")))

    def _series_of(self, batch: Batch, full: Collection[str] | None) -> SeriesWriter:
        series = self._series.pop(batch.key, None)  # the last one written becomes the last entry
        if series is None:
            if batch.key in self._known:
                layout = self._layout_of(batch.key)
                n = self.n_rows(batch.key)
                series = SeriesWriter.restored(
                    batch.key, layout, n, self._open_buckets(batch.key), self._db
                )
            else:
                layout = SeriesWriter.start(batch, full, *self._layout)
                series = SeriesWriter(layout)
        self._series[batch.key] = series
        return series

    def _saved_counts(self) -> str:
        rows = {key: self.n_rows(key) for key in self.keys()}
        return f"{sum(rows.values())} rows of {len(rows)} series and {self._n_events} events"

    def _write(
        self,
        positions: Mapping[str, Position],
        states: Mapping[str, Mapping[str, Mapping[str, Array]]],
        step: int | None,
        meta: Mapping[str, Any],
    ) -> dict[tuple[str, str], tuple[str, int]]:
        """Write a checkpoint in one transaction; return hash and number of its new states."""
        grown = {key: writer for key, writer in self._series.items() if writer.n != writer.saved}
        levels = {key: {DOWNSAMPLING_STATE: writer.state()} for key, writer in grown.items()}
        blobs = self._put([*states.items(), *levels.items()], self._newest)
        with transaction(self._db):
            before = self.meta
            if before["writer"] != self._token:
                raise StateError(
                    f"another process now writes the run file {self.path}; run only one writer"
                )
            step = before["step"] + 1 if step is None else step
            new = {
                SERIES + key: writer.layout.to_dict()
                for key, writer in self._series.items()
                if key not in self._known
            }
            set_meta(self._db, {**new, **meta, "step": step})
            for key, writer in grown.items():
                insert_chunks(self._db, key, writer, step)
            self._db.executemany(
                f"INSERT OR REPLACE INTO events VALUES ({', '.join('?' * 13)})",
                [event_row(i, event) for i, event in enumerate(self._events, self._n_events)],
            )
            add_dead_letters(self._db, self._dead_letters)
            add_late_rows(self._db, self._late)
            self._db.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?)",
                [(source, json.dumps(dict(position))) for source, position in positions.items()],
            )
            heads = {owner: (step, STATE_VERSION, name) for owner, (name, _) in blobs.items()}
            total, saved = self._marks.replaced(self._db, heads, self._newest)
            self._db.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)",
                [(*owner, *heads[owner], blob) for owner, (_, blob) in blobs.items()],
            )
            now = {**before, **meta, "step": step}
            add_checkpoint(self._db, now, blobs, partial(self._marks.sealed, now, total))
            self._retention.retain(self._db, grown)
        self._marks.settle(total)
        return saved
