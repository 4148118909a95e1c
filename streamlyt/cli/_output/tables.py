"""Findings as a table, as JSON lines or as CSV, on stdout."""

import csv
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamlyt.cli.options import Format
from streamlyt.core import Event

__all__ = ["OFF_LINE", "counted", "plain_table", "print_events", "print_table", "shown_time"]

OFF_LINE = "offline_split"  # the detector of what is no alarm: the best split of a short recording
WIDEST = 1000  # columns of a table in a pipe
ALIKE, MOST_OF_IT = 2.0, 0.5  # all over: shares within this ratio, and together below this part
LISTED = 3  # of what moved, in the table: two lines of eighty columns; JSON and CSV tell all


def shown_time(time: int, unit: str) -> str:
    """Return a time as people read it.

    Examples
    --------
    >>> shown_time(34_315_000, "fs"), shown_time(7, "step")
    ('34315 ps', '7')
    >>> shown_time(1_700_000_000_000_000_000, "ns")
    '2023-11-14 22:13:20'
    """
    if unit == "fs":
        return f"{time / 1000:.10g} ps"  # the unit of molecular-dynamics trajectories
    if unit == "ns":
        return str(datetime.fromtimestamp(time / 1e9, UTC).replace(tzinfo=None))
    return str(time)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return so many of a thing, in words.

    Examples
    --------
    >>> counted(1, "frame"), counted(14000, "row")
    ('1 frame', '14,000 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def print_events(events: Sequence[Event], form: Format, row: str = "row") -> None:
    """Write findings to stdout; ``row`` is what a row is called in the heading of the table."""
    if form is Format.jsonl:
        for event in events:
            print(json.dumps(event.to_dict()))
    elif form is Format.csv:
        _print_csv(events)
    elif events:
        print_table(_table(events, row))


def print_table(table: Table) -> None:
    """Write a table to stdout.

    Who reads a pipe looks for whole lines: nothing is folded there, unless a width is named.
    """
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    Console(width=WIDEST if piped else None).print(table)


def plain_table(*headings: str) -> Table:
    """Return a table of text without rows, in the look of all our tables."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading)
    return table


def _print_csv(events: Sequence[Event]) -> None:
    names = list(Event("", "", 0, 0, 0, 0, 0.0, 0.0).to_dict())
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for event in events:
        fields = event.to_dict()
        fields["channels"] = " ".join(event.channels)
        fields["contributions"] = " ".join(f"{share:.4g}" for share in event.contributions)
        writer.writerow(fields)


def _table(events: Sequence[Event], row: str) -> Table:
    table = plain_table()
    keyed = any(event.key for event in events)
    # Where nobody names a time it is the number of the row: told once.
    timed = any((e.time_unit, e.change_time) != ("step", e.change_index) for e in events)
    if keyed:
        table.add_column("series")
    times = ("time",) if timed else ()
    for heading in (f"change\nat {row}", *times, f"alarm\nat {row}", "statistic"):
        table.add_column(heading, justify="right", no_wrap=True, vertical="top")
    table.add_column("what moved")
    for event in events:
        cells = [
            *([event.key] if keyed else []),
            str(event.change_index),
            *([shown_time(event.change_time, event.time_unit)] if timed else []),
            "off line" if event.detector == OFF_LINE else str(event.alarm_index),
            f"{event.statistic:.4g} > {event.threshold:.4g}",
            format_attribution(event),
        ]
        # A channel may be called [bold]: what comes from data is text, not markup.
        table.add_row(*map(escape, cells))
    return table


def format_attribution(event: Event) -> str:
    """Return the channels that moved most, and whether the others moved as much.

    Examples
    --------
    >>> format_attribution(Event("", "newma", 9, 9, 8, 8, 1.0, 1.0, ("a", "b"), (0.75, 0.25)))
    'a 75%, b 25%'
    >>> event = Event("", "newma", 9, 9, 8, 8, 1.0, 1.0, ("a", "b", "c"), (0.06, 0.05, 0.05))
    >>> format_attribution(event)
    'all over: a 6%, b 5%, c 5%'
    """
    shares = event.contributions
    moved = list(zip(event.channels, shares, strict=True))[:LISTED]
    told = ", ".join(f"{name} {share:.0%}" for name, share in moved if share >= 0.005)
    alike = len(shares) >= LISTED and 0 < shares[0] < ALIKE * shares[-1]
    return f"all over: {told}" if alike and sum(shares) < MOST_OF_IT else told
