"""What is said of a run file beside its checkpoints, and holds at once."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from streamlyt._policy import Policy
from streamlyt.codecs import DeadLetter
from streamlyt.errors import SinkError

from ._dead import mark_letters
from ._retention import Retainer, make_shrinkable
from ._saved import StateReader
from ._tables import set_meta, transaction

__all__ = ["SaidLater"]


class SaidLater(StateReader):
    """A run file that is told of what happened, or shall, to what it holds."""

    _retainer: Retainer

    def redrive(self, letters: Collection[DeadLetter]) -> None:
        """Remember, at once, that dead letters were sent once more.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        with self._written():
            mark_letters(self._db, letters)

    def retain(self, policy: Policy) -> None:
        """Keep rows for as long as a policy says, from the next checkpoint on.

        A file that was made without one is written anew once, which takes as much space meanwhile.

        Raises
        ------
        SinkError
            If the file cannot be written.
        """
        if policy.params() == Policy.of(self.meta.get("policy")).params():
            return
        with self._written():
            set_meta(self._db, {"policy": policy.params()})
        self._hold_to(policy)

    def _hold_to(self, policy: Policy) -> None:
        if not policy.retains_all:
            try:
                make_shrinkable(self._db, self.path)
            except sqlite3.Error as error:
                raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
        self._retainer = Retainer(policy)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            with transaction(self._db):
                yield
        except sqlite3.Error as error:
            raise SinkError(f"the run file {self.path} cannot be written: {error}") from error
