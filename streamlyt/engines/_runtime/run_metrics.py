"""Runtime counters and metrics of an engine."""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from .step import ProcessedBatch

__all__ = ["RunMetrics"]


@dataclass
class RunMetrics:
    """Counters and metrics of a run, to be read from any thread.

    Parameters
    ----------
    rows, batches, events, dead_letters, late_rows
        Since the start of the process: rows and batches consumed, events, messages that could
        not be decoded, and late rows.
    missing_values
        Missing values (NaN) in these rows.
    dropped_rows, rejected_rows
        Rows that the source left out because of missing values: without a trace, or as dead
        letters.
    newest_event_time
        Time of the newest row, in the unit of the schema; None before the first.
    last_progress_at
        When the engine last finished a batch or a heartbeat, in monotonic seconds; None before
        the first.
    checkpoints, last_checkpoint_at, last_checkpoint_seconds
        Number of checkpoints, when all rows were last known to be saved, and the duration of the
        last checkpoint.
    queued_rows, queued_bytes
        Read ahead and not yet processed.
    lag
        Messages or rows that wait at the source; None where unknown.
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

    def count_processed(self, done: ProcessedBatch) -> None:
        """Count a batch and its output."""
        batch = done.batch
        self.events += len(done.events)
        self.dead_letters += len(done.dead_letters)
        self.late_rows += sum(late.n_rows for late in done.late_rows)
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
        """Record that the engine has finished a batch or a heartbeat."""
        self.last_progress_at = monotonic()

    def mark_up_to_date(self) -> None:
        """Record that the last checkpoint covers all rows."""
        self.last_checkpoint_at = monotonic()

    def count_checkpoint(self, seconds: float) -> None:
        """Count a checkpoint of this duration."""
        self.checkpoints += 1
        self.last_checkpoint_at, self.last_checkpoint_seconds = monotonic(), seconds
