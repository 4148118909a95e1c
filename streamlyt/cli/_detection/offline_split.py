"""Series that are too short for an on-line alarm: their best split, found off line."""

from collections.abc import Iterator, Sequence

import numpy as np

from streamlyt.cli._output.tables import OFF_LINE, counted
from streamlyt.core import Batch, Event, Operator, Source
from streamlyt.core.errors import ParameterError
from streamlyt.detectors import offline_split
from streamlyt.engines import Summary
from streamlyt.pipeline import Pipeline

from .summary import OfflineSplit, learning_of, online_events

__all__ = ["split_short_recording"]

LEAST = 8  # rows that a split needs
TOLD = 3  # series that are named one by one
SPLIT = 100  # series that are split: their rows are held at once
WINDOWS = (200, 100, 50, 25, 16)  # shorter ones that are tried as a hint
ROOM = 3  # times the rows that it learns from are needed for a detector to be of use


def split_short_recording(
    source: Source,
    operators: Sequence[Operator],
    standardise: bool,
    summary: Summary,
    detector: Operator,
) -> OfflineSplit | None:
    """Split each series once that is shorter than the detector learns; None where there is none.

    What is found is the best split and no alarm: rows that remember those before them are split
    better than chance where nothing has changed, too.
    """
    learning = learning_of([detector])
    found = {event.key for event in online_events(summary.events)}
    short = {k: n for k, n in summary.series.items() if n < learning and k not in found}
    if not short:
        return None
    whole = len(short) == len(summary.series)
    known = {event.key: event for event in summary.events if event.detector == OFF_LINE}
    splits = dict(known)
    wanted = {key for key, n in short.items() if n >= LEAST and key not in known}
    splits |= _split(source, operators, standardise, set(sorted(wanted)[:SPLIT]))
    better = [
        event
        for event in splits.values()
        if event.statistic > event.threshold and event.key not in known
    ]
    row = source.schema.row_label
    if list(short) == [""]:
        [n] = short.values()
        told = f"{counted(n, row)} {'is' if n == 1 else 'are'} too few for an on-line alarm"
    else:
        names = ", ".join(f"{key!r} has {n}" for key, n in list(short.items())[:TOLD])
        more = ", ..." if len(short) > TOLD else ""
        of = "all" if whole else f"{len(short):,} of"
        told = (
            f"{of} {counted(len(summary.series), 'series', 'series')} have too few {row}s for an "
            f"on-line alarm ({names}{more})"
        )
    told += f", which takes {learning}{_hint(source, detector, max(short.values()))}"
    return OfflineSplit(f"{told}; {_told(splits, row)}", better, whole)


def _told(splits: dict[str, Event], row: str) -> str:
    if not splits:
        return f"nor can they be split off line, which takes {LEAST}"
    told = [
        f"{f'{key!r} ' if key else ''}{row} {event.change_index}"
        f"{'' if event.statistic > event.threshold else ', no better than chance'}"
        for key, event in list(splits.items())[:TOLD]
    ]
    more = f"; and {len(splits) - TOLD} more" if len(splits) > TOLD else ""
    return f"best split, off line: {'; '.join(told)}{more}"


def _hint(source: Source, detector: Operator, rows: int) -> str:
    """Return which shorter window would do, and that fewer frames might be left out."""
    hints = []
    if "window" in detector.get_params():
        for window in WINDOWS:
            try:
                shorter = type(detector)(**{**detector.get_params(), "window": window})
            except ParameterError:
                continue
            if learning_of([shorter]) * ROOM <= rows:
                hints.append(f"--window {window} takes {learning_of([shorter])}")
                break
    if source.schema.row_step > 1:
        hints.append(f"a --step below {source.schema.row_step} leaves more")
    return f" ({', '.join(hints)})" if hints else ""


def _split(
    source: Source, operators: Sequence[Operator], standardise: bool, keys: set[str]
) -> dict[str, Event]:
    if not keys:
        return {}
    pipeline = Pipeline(operators)
    parts: dict[str, list[Batch]] = {}
    for batch in _read(source, keys):
        rows, _ = pipeline.process(batch)
        parts.setdefault(batch.key, []).append(rows[pipeline.outputs[-1]])
    splits = {}
    for key, batches in parts.items():
        times = np.concatenate([batch.times for batch in batches])
        values = np.concatenate([batch.values for batch in batches])
        if len(times) >= LEAST:
            event = offline_split(Batch(key, times, values, batches[0].schema), standardise)
            splits[key] = pipeline.with_source_rows(event)
    return splits


def _read(source: Source, keys: set[str]) -> Iterator[Batch]:
    return (batch for batch, _ in source.read() if batch.key in keys)
