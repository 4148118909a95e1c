"""One batch through a pipeline, without any I/O."""

from collections.abc import Mapping
from typing import NamedTuple

from streamlyt.core import Batch, DeadLetter, Event, Position
from streamlyt.pipeline import Pipeline

__all__ = ["ProcessedBatch"]


class ProcessedBatch(NamedTuple):
    """A batch, what was read with it, and what the pipeline made of it.

    Parameters
    ----------
    batch, position, dead_letters
        As read; ``position`` is None in the midst of rows that only go together.
    outputs, events, late_rows
        What came out at each place, the findings, and the rows that came too late. None of them
        where nothing was asked of the pipeline.
    """

    batch: Batch
    position: Position | None
    dead_letters: list[DeadLetter]
    outputs: Mapping[str, Batch]
    events: list[Event]
    late_rows: list[Batch]


Processed = tuple[Mapping[str, Batch], list[Event], list[Batch]]


def process(pipeline: Pipeline, batch: Batch, last: bool) -> Processed:
    rows, events = pipeline.finish(batch) if last else pipeline.process(batch)
    return rows, events, pipeline.late_rows(batch.key)
