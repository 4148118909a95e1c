"""A recording that is too short for an on-line alarm: its one change, found off line."""

from collections.abc import Sequence

import numpy as np

from streamlyt.base import Batch, Event, Operator, Source
from streamlyt.cli._guard import say
from streamlyt.cli._print import counted
from streamlyt.detectors import split_in_two
from streamlyt.engines.local import Summary

__all__ = ["split_short"]

LEAST = 8  # rows that a split needs


def split_short(
    source: Source,
    operators: Sequence[Operator],
    standardise: bool,
    summary: Summary,
    learning: int,
    title: str,
) -> list[Event]:
    """Split each series once, where the whole recording is shorter than a detector learns.

    Nothing is found where chance does as well, or where the detector had rows enough.
    """
    if summary.events or summary.rows >= learning:
        return []
    rows = source.schema.row
    few = f"{counted(summary.rows, rows)} {'is' if summary.rows == 1 else 'are'} too few"
    on_line = f"{title}: {few} for an on-line alarm, which takes {learning}"
    if summary.rows < LEAST:
        say(f"{on_line}, and to be compared off line, which takes {LEAST}")
        return []
    say(f"{on_line}; so the {rows}s before and after are compared off line")
    series: dict[str, list[Batch]] = {}
    for batch, _ in source.read():
        for operator in operators:
            batch, _ = operator.update(batch)
        series.setdefault(batch.key, []).append(batch)
    found = []
    for key, batches in series.items():
        whole = Batch(
            key,
            np.concatenate([batch.times for batch in batches]),
            np.concatenate([batch.values for batch in batches]),
            batches[0].schema,
        )
        if whole.n < LEAST:
            continue
        event = split_in_two(whole, standardise)
        if event.statistic > event.threshold:
            found.append(event)
        else:
            say(f"  {rows} {event.change_index} splits it best, but no better than chance")
    return found
