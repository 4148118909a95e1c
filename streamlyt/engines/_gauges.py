"""What an engine tells of itself while it runs."""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from streamlyt.base import Batch

__all__ = ["Gauges"]


@dataclass
class Gauges:
    """Counts and states of a run, for whoever looks on from another thread.

    Parameters
    ----------
    rows, batches, events, letters, late
        Taken since the start of the process: rows, batches, findings, messages that could not be
        decoded, and rows that came too late.
    holes
        Values that were missing (NaN) in these rows.
    dropped, refused
        Rows that the source left out because something was missing in them, without a word or
        into dead letters.
    last_time
        Time of the newest row, in the unit of the schema; None before the first.
    turned_at
        When the engine last finished a batch or a heartbeat; None before the first.
    checkpoints, checkpoint_at, checkpoint_s
        How many were made, when all was last known to be saved, and how many seconds the last
        one took.
    queued_rows, queued_bytes
        What was read ahead and not yet taken.
    lag
        Messages or rows that wait at the source; None where it cannot tell.
    """

    rows: int = 0
    batches: int = 0
    events: int = 0
    letters: int = 0
    late: int = 0
    holes: int = 0
    dropped: int = 0
    refused: int = 0
    last_time: int | None = None
    turned_at: float | None = None
    checkpoints: int = 0
    checkpoint_at: float | None = None
    checkpoint_s: float = 0.0
    queued_rows: int = 0
    queued_bytes: int = 0
    lag: int | None = None

    def took(self, batch: Batch) -> None:
        """Count a batch."""
        if not batch.n:
            return
        self.batches += 1
        self.rows += batch.n
        self.holes += int(np.count_nonzero(np.isnan(batch.values)))
        newest = int(batch.times[-1])
        self.last_time = newest if self.last_time is None else max(newest, self.last_time)

    def turned(self) -> None:
        """Note that the engine moves."""
        self.turned_at = monotonic()

    def idle(self) -> None:
        """Note that all there is has been saved."""
        self.checkpoint_at = monotonic()

    def saved(self, seconds: float) -> None:
        """Note a checkpoint that took so long."""
        self.checkpoints += 1
        self.checkpoint_at, self.checkpoint_s = monotonic(), seconds
