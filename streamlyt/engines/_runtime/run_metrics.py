"""What an engine tells of itself while it runs."""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from streamlyt.core import Batch

__all__ = ["RunMetrics"]


@dataclass
class RunMetrics:
    """Counts and states of a run, for whoever looks on from another thread.

    Parameters
    ----------
    rows, batches, events, dead_letters, late_rows
        Taken since the start of the process: rows, batches, findings, messages that could not be
        decoded, and rows that came too late.
    missing_values
        Values that were missing (NaN) in these rows.
    dropped_rows, rejected_rows
        Rows that the source left out because something was missing in them, without a word or
        into dead letters.
    newest_event_time
        Time of the newest row, in the unit of the schema; None before the first.
    last_progress_at
        When the engine last finished a batch or a heartbeat; None before the first.
    checkpoints, last_checkpoint_at, last_checkpoint_seconds
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
    dead_letters: int = 0
    late_rows: int = 0
    missing_values: int = 0
    dropped_rows: int = 0
    rejected_rows: int = 0
    newest_event_time: int | None = None
    last_progress_at: float | None = None
    checkpoints: int = 0
    last_checkpoint_at: float | None = None
    last_checkpoint_seconds: float = 0.0
    queued_rows: int = 0
    queued_bytes: int = 0
    lag: int | None = None

    def count_batch(self, batch: Batch) -> None:
        """Count a batch."""
        if not batch.n_rows:
            return
        self.batches += 1
        self.rows += batch.n_rows
        self.missing_values += int(np.count_nonzero(np.isnan(batch.values)))
        newest = int(batch.times[-1])
        self.newest_event_time = (
            newest if self.newest_event_time is None else max(newest, self.newest_event_time)
        )

    def mark_progress(self) -> None:
        """Note that the engine moves."""
        self.last_progress_at = monotonic()

    def mark_up_to_date(self) -> None:
        """Note that all there is has been saved."""
        self.last_checkpoint_at = monotonic()

    def count_checkpoint(self, seconds: float) -> None:
        """Note a checkpoint that took so long."""
        self.checkpoints += 1
        self.last_checkpoint_at, self.last_checkpoint_seconds = monotonic(), seconds
