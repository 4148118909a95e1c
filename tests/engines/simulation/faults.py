"""Failures and interrupts at the calls of a simulated process."""

import os
import sqlite3
from contextlib import contextmanager
from unittest.mock import patch

from streamlyt.core.errors import DataError, RebalanceError, SinkError, SourceError
from streamlyt.runfile import _blobs, _writer

KINDS = ("kill", "interrupt", "error", "data", "stop", "rebalance", "reload")


class Killed(BaseException):
    """The process ended: every later call of it raises this too."""


class Faults:
    """Counts the calls of one process; at given ones something happens.

    Parameters
    ----------
    at
        Number of a call -> one of ``KINDS``.

    Attributes
    ----------
    engine, reload
        The engine to stop, and a function that reloads its parameters: set once they exist.
    fired
        Kind and place of what has happened.
    """

    def __init__(self, at=()):
        self.at, self.n_calls, self.dead, self.fired = dict(at), 0, False, []
        self.engine, self.reload = None, None

    def call(self, where):
        if self.dead:
            raise Killed(where)
        self.n_calls += 1
        kind = self.at.get(self.n_calls)
        if kind is None or (kind == "rebalance" and where not in _MOVING):
            return
        if kind in ("stop", "reload") and self.engine is None:
            return
        self.fired.append((kind, where))
        if kind == "stop":
            self.engine.stop()
        elif kind == "reload":
            self.reload()
        else:
            raise self._error(kind, where)

    def _error(self, kind, where):
        if kind == "kill":
            self.dead = True
            return Killed(where)
        if kind == "interrupt":
            return KeyboardInterrupt(where)
        if kind == "data":
            return DataError(where)
        if kind == "rebalance":
            return RebalanceError(where)
        if where.startswith("run file"):
            return sqlite3.OperationalError(where)
        if where.startswith("blob"):
            return OSError(where)
        return (SourceError if where.startswith("source") else SinkError)(where)

    @contextmanager
    def in_run_file(self):
        """Call before, within and after each transaction of a run file, and around each fsync."""
        transaction, sync = _writer.transaction, _blobs.sync

        @contextmanager
        def counted(db):
            self.call("run file begin")
            with transaction(db):
                yield
                self.call("run file commit")
            self.call("run file committed")

        def synced(path):
            self.call("blob sync")
            sync(path)
            self.call("blob synced")

        with patch.object(_writer, "transaction", counted), patch.object(_blobs, "sync", synced):
            yield


_MOVING = ("source read", "source poll", "source next", "transaction commit")


def close_as_killed(run):
    """Close the files of a run file as the end of a process does: nothing is written."""
    run._db.close()
    if getattr(run, "_lock", None) is not None:
        os.close(run._lock._handle)
