"""Offline split of series that are too short for online detection."""

from collections.abc import Iterator, Sequence

import numpy as np

from streamlyt.cli._output.tables import OFFLINE, counted
from streamlyt.core import Batch, Event, Operator, Source
from streamlyt.core.errors import ParameterError
from streamlyt.detectors import offline_split
from streamlyt.engines import Summary
from streamlyt.pipeline import Pipeline

from .summary import OfflineSplit, online_events, warmup_of

__all__ = ["split_short_recording"]

MIN_ROWS = 8  # of a split
MAX_LISTED = 3  # series
MAX_SPLIT = 100  # series: all their rows are in memory at once
WINDOWS = (200, 100, 50, 25, 16)  # shorter windows to suggest
MIN_WARMUPS = 3  # a detector is useful from this multiple of its warm-up rows on


def split_short_recording(
    source: Source,
    operators: Sequence[Operator],
    normalize: bool,
    summary: Summary,
    detector: Operator,
) -> OfflineSplit | None:
    """Split each series that is shorter than the warm-up; None if there is no such series.

    The result is the best split, not an alarm: serially dependent rows split better than chance
    without a change, too.
    """
    warmup = warmup_of([detector])
    detected = {event.key for event in online_events(summary.events)}
    short = {k: n for k, n in summary.series.items() if n < warmup and k not in detected}
    if not short:
        return None
    all_short = len(short) == len(summary.series)
    known = {event.key: event for event in summary.events if event.detector == OFFLINE}
    splits = dict(known)
    pending = {key for key, n in short.items() if n >= MIN_ROWS and key not in known}
    splits |= _split(source, operators, normalize, set(sorted(pending)[:MAX_SPLIT]))
    significant = [
        event
        for event in splits.values()
        if event.statistic > event.threshold and event.key not in known
    ]
    row = source.schema.row_label
    if list(short) == [""]:
        [n] = short.values()
        text = f"{counted(n, row)} {'is' if n == 1 else 'are'} too few for online detection"
    else:
        names = ", ".join(f"{key!r} has {n}" for key, n in list(short.items())[:MAX_LISTED])
        more = ", ..." if len(short) > MAX_LISTED else ""
        of = "all" if all_short else f"{len(short):,} of"
        text = (
            f"{of} {counted(len(summary.series), 'series', 'series')} have too few {row}s for "
            f"online detection ({names}{more})"
        )
    text += f" (warm-up: {warmup}{_hint(source, detector, max(short.values()))})"
    return OfflineSplit(f"{text}. {_describe(splits, row)}", significant, all_short)


def _describe(splits: dict[str, Event], row: str) -> str:
    if not splits:
        return f"No offline split: it needs {MIN_ROWS} {row}s"
    parts = [
        f"{f'{key!r} ' if key else ''}{row} {event.change_index}"
        f"{'' if event.statistic > event.threshold else ' (not significant)'}"
        for key, event in list(splits.items())[:MAX_LISTED]
    ]
    more = f"; {len(splits) - MAX_LISTED} more" if len(splits) > MAX_LISTED else ""
    return f"Best offline split: {'; '.join(parts)}{more}"


def _hint(source: Source, detector: Operator, rows: int) -> str:
    """Suggest a shorter window or a smaller frame step."""
    hints = []
    if "window" in detector.get_params():
        for window in WINDOWS:
            try:
                shorter = type(detector)(**{**detector.get_params(), "window": window})
            except ParameterError:
                continue
            if warmup_of([shorter]) * MIN_WARMUPS <= rows:
                hints.append(f"--window {window}: {warmup_of([shorter])}")
                break
    if source.schema.row_step > 1:
        hints.append(
            f"a --step below {source.schema.row_step} gives more {source.schema.row_label}s"
        )
    return f"; {', '.join(hints)}" if hints else ""


def _split(
    source: Source, operators: Sequence[Operator], normalize: bool, keys: set[str]
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
        if len(times) >= MIN_ROWS:
            event = offline_split(Batch(key, times, values, batches[0].schema), normalize)
            splits[key] = pipeline.with_source_rows(event)
    return splits


def _read(source: Source, keys: set[str]) -> Iterator[Batch]:
    return (batch for batch, _ in source.read() if batch.key in keys)
