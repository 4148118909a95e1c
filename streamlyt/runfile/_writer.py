"""The run file: events, columns, positions and states of one run, in one SQLite file."""

import json
import logging
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

from ._blobs import BlobFolder, DamagedError
from ._checkpoints import DOWNSAMPLING_STATE, add_checkpoint, go_back, insert_chunks, steps
from ._database import FORMAT, clear_log, connect, create, set_meta, transaction, upgrade
from ._dead_letters import add_letters
from ._late_rows import add_late
from ._maintenance import RunFileMaintenance
from ._marks import begin_marks
from ._reader import SERIES, event_row
from ._series_writer import SeriesWriter
from .retention import RetentionPolicy

__all__ = ["RunFile"]

_MOST_SERIES = 4096  # whose open chunks are kept in memory; those of others are read back

log = logging.getLogger("streamlyt.runfile")


class RunFile(RunFileMaintenance):
    """One run in one file (``*.streamlyt``, SQLite), which can be read while it grows.

    What was written since the last checkpoint is kept in memory; a checkpoint puts it into the
    file together with the position and the states, all or nothing. So a run that is killed goes
    on from the last checkpoint, and ends with the same rows as one that was not: on every level,
    however it was cut.

    Tables: ``meta``, ``events``, ``chunks`` (columns as Arrow IPC: level 0 the rows as they came,
    each higher level the minimum, maximum and mean of 64 rows of the one below, holes left out),
    ``positions``, ``states`` (plain arrays, hashed; above 256 kB in a folder beside the file),
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
        self, path: Path, db: sqlite3.Connection, writable: bool, trust: bool = False
    ) -> None:
        super().__init__(path, db)
        self._writable = writable
        self._series: dict[str, SeriesWriter] = {}
        self._events: list[Event] = []
        self._letters: list[DeadLetter] = []
        self._late: list[Batch] = []
        self._newest: dict[tuple[str, str], tuple[str, int]] = {}  # hash and number, written by us
        self._n_events = 0  # saved
        if writable:
            self._fence(trust)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        pipeline: str,
        wide: int = 64,
        chunk_bytes: int = 2**18,
        overwrite: bool = False,
        policy: RetentionPolicy | None = None,
    ) -> Self:
        """Make a run file, and open it for writing.

        Parameters
        ----------
        path
            Where; by custom it ends with ``.streamlyt``.
        pipeline
            The pipeline as TOML, kept as it is.
        wide
            A series with more input channels than this keeps only those columns row by row that
            :meth:`write` names in ``full``, and the others from level 1 on.
        chunk_bytes
            About how large a chunk of columns is; the last one is written again at every
            checkpoint.
        overwrite
            Whether a run file that is there may be replaced.
        policy
            How long rows are kept; None for ever.

        Raises
        ------
        SinkError
            If the file is there already, or the place cannot be written.
        FormatError
            If the file to be replaced is no run file.
        """
        if wide < 0 or chunk_bytes < 1:
            raise ParameterError(
                f"wide must be at least 0 and chunk_bytes at least 1, got {wide!r}, {chunk_bytes!r}"
            )
        meta = {
            "format": FORMAT,
            "pipeline": pipeline,
            "streamlyt": __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "wide": wide,
            "chunk_bytes": chunk_bytes,
            "step": 0,
            "rows": 0,
            "seconds": 0.0,
            "complete": False,
        }
        if policy is not None and not policy.retains_all:
            meta["policy"] = policy.get_params()
        path = Path(path)
        create(path, meta, overwrite, shrinks="policy" in meta)
        BlobFolder(path).keep(())
        return cls.open(path, write=True)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], write: bool = False, *, trust: bool = False
    ) -> Self:
        """Open a run file, to read it or to go on with it.

        Who opens it for writing takes it over: whoever wrote it before fails at his next
        checkpoint. Its newest whole checkpoint must carry the mark of the user's key then: states
        become the memory of operators, and a file from elsewhere may hold anything.

        Parameters
        ----------
        path
            Where.
        write
            Whether it is gone on with.
        trust
            Whether a file without such a mark is gone on with nevertheless, and marked: one that
            another user, machine or older streamlyt wrote.

        Raises
        ------
        SourceError
            If there is no such file.
        FormatError
            If it is no run file, or damaged.
        StateError
            If a later streamlyt wrote it; or ``write`` asks for one without the user's mark.
        SinkError
            If it cannot be written and ``write`` asks for that.
        """
        path = Path(path)
        with ExitStack() as unless_handed_on:
            db = unless_handed_on.enter_context(closing(connect(path, write)))
            run = cls(path, db, write, trust)
            unless_handed_on.pop_all()
        return run

    def write_rows(self, batch: Batch, full: Collection[str] | None = None) -> None:
        """Take rows.

        Parameters
        ----------
        batch
            The rows.
        full
            Names of the columns that are kept row by row also where the series has more than
            ``wide`` others; None for all. Decided by the first batch of a series.
        """
        self._series_of(batch, full).add(batch)

    def write_event(self, event: Event) -> None:
        """Take a finding."""
        self._events.append(event)

    def write_dead_letter(self, letter: DeadLetter) -> None:
        """Take a message that could not be decoded."""
        self._letters.append(letter)

    def write_late_rows(self, batch: Batch) -> None:
        """Take rows that came too late to be put in order."""
        self._late.append(batch)

    def discard_pending(self) -> None:
        """Drop all that was taken since the last checkpoint."""
        self._series.clear()
        self._events, self._letters, self._late = [], [], []

    def checkpoint(
        self,
        positions: Mapping[str, Position],
        states: Mapping[str, Mapping[str, Mapping[str, Array]]],
        step: int | None = None,
        **meta: Any,
    ) -> None:
        """Make durable all that was taken, with positions and states, in one transaction.

        Parameters
        ----------
        positions
            Source -> where to go on reading it.
        states
            Series -> operator -> state. Those not given stay as they were saved.
        step
            Number of the checkpoint; one more than the last if None.
        **meta
            Entries of :attr:`meta` to set: ``rows``, ``seconds``, ``complete``.

        Raises
        ------
        SinkError
            If the file cannot be written. What the last checkpoint saved is safe, and nothing
            that was taken since is lost: make space, and call again.
        StateError
            If another process took the run over.
        """
        if not self._writable:
            raise SinkError(
                f"the run file {self.path} is open for reading; open it with write=True"
            )
        try:
            new = self._write(positions, states, step, meta)
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, StateError | SinkError):
                raise
            raise SinkError(
                f"the run file {self.path} cannot be written: {error}; what was saved before is "
                f"safe ({self._safe()}): mend this and resume the run"
            ) from error
        self._n_events, self._events = self._n_events + len(self._events), []
        self._letters, self._late = [], []
        self._known.update(self._series)
        for series in self._series.values():
            if series.n != series.saved:
                series.settle()
        for key in list(self._series)[:-_MOST_SERIES]:
            del self._series[key]
        self._retainer.settle(self._db)
        if new:
            self._newest.update(new)
            names = self._db.execute("SELECT hash FROM states WHERE blob IS NULL")
            self._blobs.keep({name for (name,) in names})

    def restore_latest(self) -> dict[str, dict[str, dict[str, Array]]]:
        """Return the states to go on from: those of the newest checkpoint that is whole.

        Where a state of the last checkpoint is damaged, a warning is logged, and the file becomes
        what it was at the one before, its positions, rows and findings too; and so on for the
        last three. What was read since is read again.

        Raises
        ------
        StateError
            If none of them is whole, or a later version wrote one.
        """
        newest = self.meta["step"]
        for step in steps(self._db) or [newest]:
            try:
                states = self._states(step)
                if step != newest or not self._marks.sure:
                    self._marks.hold(self._db, step)
            except DamagedError as error:
                log.warning("%s: checkpoint %d is passed over: %s", self.path, step, error)
                failed = error
                continue
            if step != newest:
                self._go_back(step)
            return states
        raise failed

    def _go_back(self, step: int) -> None:
        try:
            with transaction(self._db):
                go_back(self._db, step, self._kept, self._open_buckets, SERIES)
                self._marks.seal(self._db, [step])
        except sqlite3.Error as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        self.discard_pending()
        self._newest.clear()
        self._marks.begin(self._db, step)
        self._known = set(self.keys())
        (self._n_events,) = self._rows("SELECT count(*) FROM events")[0]

    def close(self) -> None:
        """Close the file; what no checkpoint saved is dropped. No log stays beside it."""
        if self._writable:
            self._writable = False
            clear_log(self._db)
        super().close()

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
            clear_log(self._db)  # it is left as it was
            raise
        self._known = set(self.keys())
        meta = self.meta
        self._layout = meta["wide"], meta["chunk_bytes"]
        self._hold_to(RetentionPolicy.of(meta.get("policy")))

    def _series_of(self, batch: Batch, full: Collection[str] | None) -> SeriesWriter:
        series = self._series.pop(batch.key, None)  # the one written last stands last
        if series is None:
            if batch.key in self._known:
                kept = self._kept(batch.key)
                n = self.n_rows(batch.key)
                series = SeriesWriter.restored(
                    batch.key, kept, n, self._open_buckets(batch.key), self._db
                )
            else:
                kept = SeriesWriter.start(batch, full, *self._layout)
                series = SeriesWriter(kept)
        self._series[batch.key] = series
        return series

    def _safe(self) -> str:
        rows = {key: self.n_rows(key) for key in self.keys()}
        return f"{sum(rows.values())} rows of {len(rows)} series and {self._n_events} events"

    def _write(
        self,
        positions: Mapping[str, Position],
        states: Mapping[str, Mapping[str, Mapping[str, Array]]],
        step: int | None,
        meta: Mapping[str, Any],
    ) -> dict[tuple[str, str], tuple[str, int]]:
        """Write all in one transaction; return hash and number of the states that are new in it."""
        grown = {key: one for key, one in self._series.items() if one.n != one.saved}
        levels = {key: {DOWNSAMPLING_STATE: one.state()} for key, one in grown.items()}
        blobs = self._put([*states.items(), *levels.items()], self._newest)
        with transaction(self._db):
            before = self.meta
            if before["writer"] != self._token:
                raise StateError(
                    f"another process took the run {self.path} over; let only one write it"
                )
            step = before["step"] + 1 if step is None else step
            new = {
                SERIES + key: one.kept.to_dict()
                for key, one in self._series.items()
                if key not in self._known
            }
            set_meta(self._db, {**new, **meta, "step": step})
            for key, one in grown.items():
                insert_chunks(self._db, key, one, step)
            self._db.executemany(
                f"INSERT OR REPLACE INTO events VALUES ({', '.join('?' * 13)})",
                [event_row(i, event) for i, event in enumerate(self._events, self._n_events)],
            )
            add_letters(self._db, self._letters)
            add_late(self._db, self._late)
            self._db.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?)",
                [(source, json.dumps(dict(where))) for source, where in positions.items()],
            )
            heads = {whose: (step, STATE_VERSION, name) for whose, (name, _) in blobs.items()}
            total, saved = self._marks.replaced(self._db, heads, self._newest)
            self._db.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)",
                [(*whose, *heads[whose], blob) for whose, (_, blob) in blobs.items()],
            )
            now = {**before, **meta, "step": step}
            add_checkpoint(self._db, now, blobs, partial(self._marks.sealed, now, total))
            self._retainer.retain(self._db, grown)
        self._marks.settle(total)
        return saved
