"""One batch through a pipeline: no sink, no file, no clock."""

from collections.abc import Mapping
from typing import NamedTuple

from streamlyt.core import Batch, DeadLetter, Event, Position
from streamlyt.pipeline import Pipeline

__all__ = ["ProcessedBatch", "process"]


class ProcessedBatch(NamedTuple):
    """A batch, what was read with it, and the output of the pipeline.

    Parameters
    ----------
    batch, position, dead_letters
        As read; ``position`` is None between rows that belong together.
    outputs, events, late_rows
        The rows at each node, the events, and the late rows. All are empty where no pipeline
        processed the batch.
    is_last
        Whether the operators have released the rows of this series that they held back.
    """

    batch: Batch
    position: Position | None
    dead_letters: list[DeadLetter]
    outputs: Mapping[str, Batch]
    events: list[Event]
    late_rows: list[Batch]
    is_last: bool = False

    @property
    def changes_state(self) -> bool:
        """Whether the series' state may be another: rows went in, or rows or events came out."""
        rows_out = any(rows.n_rows for rows in self.outputs.values())
        return self.batch.n_rows > 0 or bool(self.events) or rows_out or self.is_last

    @property
    def has_side_output(self) -> bool:
        """Whether there are dead letters or late rows."""
        return bool(self.dead_letters) or bool(self.late_rows)


def process(
    pipeline: Pipeline | None,
    batch: Batch,
    position: Position | None,
    dead_letters: list[DeadLetter],
    last: bool = False,
) -> ProcessedBatch:
    """Process a batch.

    Parameters
    ----------
    pipeline
        None passes the batch on without any output.
    batch, position, dead_letters
        As read.
    last
        Whether operators release the rows of this series that they hold back.
    """
    if pipeline is None:
        return ProcessedBatch(batch, position, dead_letters, {}, [], [])
    outputs, events = pipeline.finish(batch) if last else pipeline.process(batch)
    late_rows = pipeline.late_rows(batch.key)
    return ProcessedBatch(batch, position, dead_letters, outputs, events, late_rows, last)
