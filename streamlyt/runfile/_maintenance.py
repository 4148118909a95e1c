"""Changes of a run file that take effect without a checkpoint."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from streamlyt.core import DeadLetter
from streamlyt.core.errors import SinkError

from ._database import set_meta, transaction
from ._pruning import RetentionManager, enable_vacuum
from ._side_outputs import mark_redriven
from ._states import StateReader
from .retention import RetentionPolicy

__all__ = ["RunFileMaintenance"]


class RunFileMaintenance(StateReader):
    """A run file whose retention and dead letters can be changed."""

    _retention: RetentionManager

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
