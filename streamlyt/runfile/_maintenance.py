"""What is said of a run file beside its checkpoints, and holds at once."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from streamlyt.core import DeadLetter
from streamlyt.core.errors import SinkError

from ._database import set_meta, transaction
from ._dead_letters import mark_letters
from ._pruning import RetentionManager, enable_vacuum
from ._states import StateReader
from .retention import RetentionPolicy

__all__ = ["RunFileMaintenance"]


class RunFileMaintenance(StateReader):
    """A run file that is told of what happened, or shall, to what it holds."""

    _retainer: RetentionManager

    def mark_redriven(self, letters: Collection[DeadLetter]) -> None:
        """Remember, at once, that dead letters were sent once more.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        with self._written():
            mark_letters(self._db, letters)

    def set_retention(self, policy: RetentionPolicy) -> None:
        """Keep rows for as long as a policy says, from the next checkpoint on.

        A file that was made without one is written anew once, which takes as much space meanwhile.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        if policy.get_params() == RetentionPolicy.of(self.meta.get("policy")).get_params():
            return
        with self._written():
            set_meta(self._db, {"policy": policy.get_params()})
        self._hold_to(policy)

    def _hold_to(self, policy: RetentionPolicy) -> None:
        if not policy.retains_all:
            try:
                enable_vacuum(self._db, self.path)
            except sqlite3.Error as error:
                raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        self._retainer = RetentionManager(policy)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except sqlite3.Error as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
