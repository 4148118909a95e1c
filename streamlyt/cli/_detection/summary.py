"""The sentence at the end of a run: what was found, and where nothing could have been."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlyt.cli._output.tables import OFF_LINE, counted
from streamlyt.core import Event, Learner, Operator, Schema
from streamlyt.engines import Summary
from streamlyt.pipeline import Pipeline

__all__ = ["OfflineSplit", "learning_of", "online_events", "summarize"]


@dataclass(frozen=True)
class OfflineSplit:
    """What was found by looking at series that are too short for an alarm.

    Parameters
    ----------
    sentence
        What is said of them.
    events
        The splits that chance does not make.
    whole
        Whether no series was long enough, so that nothing else is to be said of the run.
    """

    sentence: str
    events: Sequence[Event] = ()
    whole: bool = True


def online_events(events: Sequence[Event]) -> list[Event]:
    """Return the changes that were alarms, not the best split of a short recording."""
    return [event for event in events if event.detector != OFF_LINE]


def learning_of(operators: Sequence[Operator]) -> int:
    """Return how many rows a detector among the operators needs before it can raise an alarm."""
    return max((getattr(operator, "warmup_rows", 0) for operator in operators), default=0)


def summarize(summary: Summary, pipeline: Pipeline, schema: Schema) -> str:
    """Return what a run came to: the changes, the rows, and those that were only learnt from.

    Where there are models, how well they predicted comes first; a change is told of where there is
    one, or a detector that could have found one.
    """
    events = online_events(summary.events)
    learnt = learning_of(list(pipeline.operators.values()))
    scores = _scores(pipeline, summary.rows)
    found = "no change" if not events else counted(len(events), "change")
    found = " and ".join(scores if scores and not events and not learnt else [*scores, found])
    told = f"{found} in {counted(summary.rows, schema.row_label)}"
    if len(summary.series) > 1:
        told += f" of {counted(len(summary.series), 'series', 'series')}"
    told += _missing_value_summary(pipeline)
    if events or not learnt:
        return told
    if len(summary.series) > 1:
        return f"{told} (the first {learnt} {schema.row_label}s of each were only learnt from)"
    last = schema.source_row(learnt - 1)
    return f"{told} ({schema.row_label}s {schema.first_row}-{last} were only learnt from)"


def _scores(pipeline: Pipeline, total: int) -> list[str]:
    """Return how well each model predicted the rows before it learnt them, over all series."""
    told = []
    for name, operator in pipeline.operators.items():
        if not isinstance(operator, Learner):
            continue
        states = [by_name[name] for by_name in pipeline.states().values()]
        rows, off = sum((s["scored"] for s in states if "scored" in s), start=np.zeros(2))
        if not rows:
            told.append(f"nothing learnt by {name}")
            continue
        how = f"off by {off / rows:.4g} on the average"
        if operator.is_classifier:
            how = f"right {1.0 - off / rows:.1%} of the time"
        few = "" if rows == total else f" ({counted(int(rows), 'row')} with a target)"
        told.append(f"{name} {how}{few}")
    return told


def _missing_value_summary(pipeline: Pipeline) -> str:
    """Return how many rows each operator left out, and how many values it held."""
    counts: dict[str, tuple[int, int]] = {}
    for by_name in pipeline.states().values():
        for name, state in by_name.items():
            dropped, held = counts.get(name, (0, 0))
            dropped += int(state["left_out"][1]) if "left_out" in state else 0
            held += int(state["filled"][0]) if "filled" in state else 0
            counts[name] = dropped, held
    parts = []
    for name, (dropped, held) in counts.items():
        parts += [f"{counted(dropped, 'row')} left out by {name}"] if dropped else []
        parts += [f"{counted(held, 'value')} held by {name}"] if held else []
    return f", {' and '.join(parts)}" if parts else ""
