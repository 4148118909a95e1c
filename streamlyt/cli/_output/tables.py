"""Events as a table, JSON lines or CSV on stdout."""

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

__all__ = ["OFFLINE", "counted", "plain_table", "print_events", "print_table", "shown_time"]

OFFLINE = "offline_split"  # detector name of the best split of a short series, which is no alarm
PIPE_WIDTH = 1000  # characters of a table in a pipe
# "all channels": the largest contribution is below this multiple of the smallest shown, and their
# sum is below this fraction.
SIMILAR, MAJORITY = 2.0, 0.5
LISTED = 3  # channels in the table: two lines of 80 characters; JSON and CSV contain all


def shown_time(time: int, unit: str) -> str:
    """Return a time in a readable form.

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
    """Return a number with its noun in singular or plural.

    Examples
    --------
    >>> counted(1, "frame"), counted(14000, "row")
    ('1 frame', '14,000 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def print_events(events: Sequence[Event], output_format: Format, row: str = "row") -> None:
    """Write events to stdout; ``row`` is the label of a row in the table heading."""
    if output_format is Format.jsonl:
        for event in events:
            print(json.dumps(event.to_dict()))
    elif output_format is Format.csv:
        _print_csv(events)
    elif events:
        print_table(_table(events, row))


def print_table(table: Table) -> None:
    """Write a table to stdout.

    Lines in a pipe do not wrap, unless ``COLUMNS`` sets a width.
    """
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    Console(width=PIPE_WIDTH if piped else None).print(table)


def plain_table(*headings: str) -> Table:
    """Return an empty table in the common style."""
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
        fields["contributions"] = " ".join(f"{value:.4g}" for value in event.contributions)
        writer.writerow(fields)


def _table(events: Sequence[Event], row: str) -> Table:
    table = plain_table()
    keyed = any(event.key for event in events)
    # Without a time column the time is the row number: show it once.
    timed = any((e.time_unit, e.change_time) != ("step", e.change_index) for e in events)
    if keyed:
        table.add_column("series")
    times = ("time",) if timed else ()
    for heading in (f"change\nat {row}", *times, f"alarm\nat {row}", "statistic"):
        table.add_column(heading, justify="right", no_wrap=True, vertical="top")
    table.add_column("attribution")
    for event in events:
        cells = [
            *([event.key] if keyed else []),
            str(event.change_index),
            *([shown_time(event.change_time, event.time_unit)] if timed else []),
            "offline" if event.detector == OFFLINE else str(event.alarm_index),
            f"{event.statistic:.4g} > {event.threshold:.4g}",
            format_attribution(event),
        ]
        # A channel may be called [bold]: text from data is not markup.
        table.add_row(*map(escape, cells))
    return table


def format_attribution(event: Event) -> str:
    """Return the channels with the largest contributions, and whether all are similar.

    Examples
    --------
    >>> format_attribution(Event("", "newma", 9, 9, 8, 8, 1.0, 1.0, ("a", "b"), (0.75, 0.25)))
    'a 75%, b 25%'
    >>> event = Event("", "newma", 9, 9, 8, 8, 1.0, 1.0, ("a", "b", "c"), (0.06, 0.05, 0.05))
    >>> format_attribution(event)
    'all channels: a 6%, b 5%, c 5%'
    """
    values = event.contributions
    listed = list(zip(event.channels, values, strict=True))[:LISTED]
    text = ", ".join(f"{name} {value:.0%}" for name, value in listed if value >= 0.005)
    similar = len(values) >= LISTED and 0 < values[0] < SIMILAR * values[-1]
    return f"all channels: {text}" if similar and sum(values) < MAJORITY else text
