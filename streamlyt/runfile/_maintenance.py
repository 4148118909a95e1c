"""Changes of a run file without a new checkpoint: also the return to an earlier one."""

import logging
import sqlite3
from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from streamlyt.core import Array, DeadLetter
from streamlyt.core.errors import SinkError

from ._blobs import DamagedError
from ._checkpoints import rewind, step_before_end, steps
from ._database import reading, set_meta, transaction
from ._marks import Marks
from ._pruning import RetentionManager, enable_vacuum
from ._reader import SERIES
from ._side_outputs import mark_redriven
from ._states import StateReader
from .retention import RetentionPolicy

__all__ = ["RunFileMaintenance"]

log = logging.getLogger("streamlyt.runfile")


class RunFileMaintenance(StateReader):
    """A run file whose retention and dead letters can be changed, and that can be rewound."""

    _retention: RetentionManager
    _marks: Marks
    _in_doubt: bool

    @abstractmethod
    def discard_pending(self) -> None:
        """Discard everything accepted since the last checkpoint."""

    def mark_redriven(self, letters: Collection[DeadLetter]) -> None:
        """Mark dead letters as redriven, at once.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        with self._transaction():
            mark_redriven(self._db, letters)

    def set_retention(self, policy: RetentionPolicy) -> None:
        """Change the retention policy, effective from the next checkpoint.

        A file that was created without a policy is rewritten once, which temporarily needs the
        size of the file again.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        if policy.get_params() == RetentionPolicy.of(self.meta.get("policy")).get_params():
            return
        with self._transaction():
            set_meta(self._db, {"policy": policy.get_params()})
        self._apply_retention(policy)

    def restore_latest(self) -> dict[str, dict[str, dict[str, Array]]]:
        """Return the states of the newest intact checkpoint, to resume from.

        If a state of the last checkpoint is damaged, a warning is logged and the file is rewound
        to the checkpoint before, its positions, rows and events too; up to three checkpoints.
        Later rows are read again from the source.

        Raises
        ------
        StateError
            If none of them is intact, or a later version wrote one.
        """
        newest = self.meta["step"]
        for step in steps(self._db) or [newest]:
            try:
                states = self._states(step)
                if step != newest or not self._marks.sure:
                    self._marks.hold(self._db, step)
            except DamagedError as error:
                log.warning("%s: checkpoint %d is skipped: %s", self.path, step, error)
                failed = error
                continue
            if step != newest:
                self._rewind(step)
            return states
        raise failed

    def _rewind(self, step: int) -> None:
        try:
            with transaction(self._db):
                rewind(self._db, step, self._layout_of, self._open_buckets, SERIES)
                self._marks.seal(self._db, [step])
        except sqlite3.Error as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        self._marks.vouch(self._db, step)  # it is sealed
        self._in_doubt = True
        self.discard_pending()

    def reopen(self) -> bool:
        """Return to the last checkpoint before the end of the source, which has more rows by now.

        Returns
        -------
        Whether that checkpoint is still there; if not, nothing changes.

        Raises
        ------
        SinkError
            If the file cannot be written.
        StateError
            If that checkpoint does not carry the mark of the user's key.
        """
        with reading(self._db, self.path):
            step = step_before_end(self._db, self.meta["step"])
        if step is not None and step != self.meta["step"]:
            if step:
                self._marks.hold(self._db, step)
            self._rewind(step)
        return step is not None

    def _apply_retention(self, policy: RetentionPolicy) -> None:
        if not policy.retains_all:
            try:
                enable_vacuum(self._db, self.path)
            except sqlite3.Error as error:
                raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        self._retention = RetentionManager(policy)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except sqlite3.Error as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
