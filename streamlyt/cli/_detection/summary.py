"""The closing status line of a run: changes, rows, scores and warm-up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streamlyt.cli._output.tables import OFFLINE, counted
from streamlyt.core import Event, Learner, Operator, Schema
from streamlyt.engines import Summary
from streamlyt.pipeline import Pipeline

__all__ = ["OfflineSplit", "online_events", "summarize", "warmup_of"]


@dataclass(frozen=True)
class OfflineSplit:
    """Offline splits of the series that are too short for an alarm.

    Parameters
    ----------
    message
        Status line.
    events
        The significant splits.
    complete
        All series were too short, so the run needs no other status line.
    """

    message: str
    events: Sequence[Event] = ()
    complete: bool = True


def online_events(events: Sequence[Event]) -> list[Event]:
    """Return the alarms, without the offline splits."""
    return [event for event in events if event.detector != OFFLINE]


def warmup_of(operators: Sequence[Operator]) -> int:
    """Return the longest warm-up of the operators, in rows."""
    return max((getattr(operator, "warmup_rows", 0) for operator in operators), default=0)


def summarize(summary: Summary, pipeline: Pipeline, schema: Schema) -> str:
    """Return the closing line of a run: scores of models, changes, rows and warm-up.

    Changes are named if there is one, or a detector that could have detected one.
    """
    events = online_events(summary.events)
    warmup = warmup_of(list(pipeline.operators.values()))
    scores = _scores(pipeline, summary.rows)
    changes = "no change" if not events else counted(len(events), "change")
    parts = scores if scores and not events and not warmup else [*scores, changes]
    text = f"{', '.join(parts)} in {counted(summary.rows, schema.row_label)}"
    if len(summary.series) > 1:
        text += f" of {counted(len(summary.series), 'series', 'series')}"
    text += _missing_value_summary(pipeline)
    if events or not warmup:
        return text
    if len(summary.series) > 1:
        return f"{text} (warm-up: first {warmup} {schema.row_label}s of each)"
    last = schema.source_row(warmup - 1)
    return f"{text} (warm-up: {schema.row_label}s {schema.first_row}-{last})"


def _scores(pipeline: Pipeline, total: int) -> list[str]:
    """Return the progressive score of each model over all series."""
    texts = []
    for name, operator in pipeline.operators.items():
        if not isinstance(operator, Learner):
            continue
        states = [by_name[name] for by_name in pipeline.states().values()]
        rows, loss = sum((s["scored"] for s in states if "scored" in s), start=np.zeros(2))
        if not rows:
            texts.append(f"{name}: no labeled rows")
            continue
        score = f"MAE {loss / rows:.4g}"
        if operator.is_classifier:
            score = f"accuracy {1.0 - loss / rows:.1%}"
        labeled = "" if rows == total else f" ({counted(int(rows), 'labeled row')})"
        texts.append(f"{name} {score}{labeled}")
    return texts


def _missing_value_summary(pipeline: Pipeline) -> str:
    """Return the number of dropped rows and of filled values of each operator."""
    counts: dict[str, tuple[int, int]] = {}
    for by_name in pipeline.states().values():
        for name, state in by_name.items():
            dropped, filled = counts.get(name, (0, 0))
            dropped += int(state["left_out"][1]) if "left_out" in state else 0
            filled += int(state["filled"][0]) if "filled" in state else 0
            counts[name] = dropped, filled
    parts = []
    for name, (dropped, filled) in counts.items():
        items = [f"{counted(dropped, 'row')} dropped"] if dropped else []
        items += [f"{counted(filled, 'value')} filled"] if filled else []
        parts += [f"{', '.join(items)} ({name})"] if items else []
    return f", {', '.join(parts)}" if parts else ""
