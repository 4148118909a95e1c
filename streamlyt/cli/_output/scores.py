"""Scores of detectors as a table, as JSON lines or as CSV, on stdout."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamlyt.cli.options import Format
from streamlyt.evaluate import SeriesScore, SyntheticScore

__all__ = ["print_generators", "print_series"]

MIN_NAME_WIDTH = 14  # characters of a column of names; longer names wrap
WIDTH = 120  # characters, of a file or a pipe


def print_generators(scores: Sequence[SyntheticScore], output_format: Format) -> None:
    """Write the scores on synthetic streams; the table has one block per generator."""
    if output_format is not Format.table:
        _print_records([score.to_dict() for score in scores], output_format)
        return
    headings = ("ARL0", "delay", "missed", "false", "error", "F1", "covering", "µs/row")
    table = _table(("detector",), headings)
    for i, score in enumerate(scores):
        if not i or score.generator != scores[i - 1].generator:
            table.add_section()
            table.add_row(f"[bold]{escape(score.generator)}[/bold]")
        table.add_row(
            f"  {escape(score.detector)}",
            _run_length(score),
            _with_error(score.delay, score.delay_error),
            f"{score.missed}/{score.changes}" if score.changes else "-",
            f"{score.false}" if score.changes else "-",
            _number(score.location_error, "{:.0f}"),
            _number(score.f1, "{:.2f}"),
            _number(score.covering, "{:.3f}"),
            f"{score.microseconds:.1f}",
        )
    _console().print(table)


def print_series(scores: Sequence[SeriesScore], output_format: Format, per_series: bool) -> None:
    """Write the scores on annotated series; the table shows means, or every series."""
    if output_format is not Format.table:
        _print_records([score.to_dict() for score in scores], output_format)
        return
    if per_series:
        table = _table(("series", "detector"), ("rows", "alarms", "F1", "covering", "µs/row"))
        for score in sorted(scores, key=lambda score: score.series):
            table.add_row(
                escape(score.series), escape(score.detector), str(score.rows), *_cells([score])
            )
        _console().print(table)
        return
    table = _table(("detector",), ("series", "alarms", "F1", "covering", "µs/row"))
    for name in dict.fromkeys(score.detector for score in scores):
        own = [score for score in scores if score.detector == name]
        table.add_row(escape(name), str(len(own)), *_cells(own))
    _console().print(table)


def _cells(scores: Sequence[SeriesScore]) -> tuple[str, ...]:
    return (
        str(sum(len(score.found) for score in scores)),
        f"{fmean(score.f1 for score in scores):.3f}",
        f"{fmean(score.covering for score in scores):.3f}",
        f"{fmean(score.microseconds for score in scores):.1f}",
    )


def _table(left: Iterable[str], right: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in left:
        table.add_column(heading, overflow="fold", min_width=MIN_NAME_WIDTH)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def _run_length(score: SyntheticScore) -> str:
    if score.arl is None or score.arl_least is None:
        return "-"
    if not score.false_alarms:
        return f"> {score.arl_least:,.0f}"
    return _with_error(score.arl, score.arl_error)


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    shown = f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    if error is None or error == float("inf"):
        return shown
    return f"{shown} ±{error:,.0f}" if error >= 1 else f"{shown} ±{error:.1f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _print_records(records: Sequence[Mapping[str, Any]], output_format: Format) -> None:
    if output_format is Format.jsonl:
        for record in records:
            print(json.dumps(record))
    elif records:
        writer = csv.DictWriter(sys.stdout, list(records[0]), lineterminator="\n")
        writer.writeheader()
        for record in records:
            flat = {
                name: " ".join(map(str, value)) if isinstance(value, list) else value
                for name, value in record.items()
            }
            writer.writerow(flat)
