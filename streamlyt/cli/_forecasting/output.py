"""A forecast of a recorded series: told in a sentence, written as lines or a table."""

import csv
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.markup import escape

from streamlyt.cli._output.tables import counted, plain_table, print_table, shown_time
from streamlyt.cli.options import Format
from streamlyt.core import Array, Operator
from streamlyt.reservoirs import IntervalForecast

from .series import Series

__all__ = ["Backtest", "future_of", "print_outlooks", "told"]


@dataclass(frozen=True)
class Backtest:
    """A forecast, and the one of the last known rows by which it is judged."""

    series: Series
    model: Operator
    backtest: IntervalForecast
    forecast: IntervalForecast
    horizon: int
    error: float
    empirical_coverage: float


def told(outlook: Backtest, coverage: float) -> str:
    """Return what came of a forecast, in a sentence."""
    n = len(outlook.series.values)
    ended = np.flatnonzero(np.isnan(outlook.forecast.point[:, 0]))
    left = f"; the loop left the series after {ended[0]} rows" if ended.size else ""
    held = (
        ""
        if np.isnan(outlook.empirical_coverage)
        else f", {coverage:.0%} bands held {outlook.empirical_coverage:.0%}"
    )
    valid = outlook.forecast.valid_steps
    lasts = "all of them" if valid >= outlook.horizon else counted(valid, "row")
    return (
        f"{counted(outlook.horizon, 'row')} after {n:,} are expected; the same number before the "
        f"end, forecast without them, were off {outlook.error:.2f} times as far as the last value"
        f"{held}; expected to hold for {lasts}{left}"
    )


def future_of(series: Series, horizon: int) -> tuple[Array, Array]:
    """Return numbers and times of the rows to come: on as the rows went, by the median step."""
    steps = np.diff(series.times)
    step = int(np.median(steps)) if steps.size else 1
    ahead = np.arange(1, horizon + 1)
    row_step = series.schema.row_step
    return series.rows[-1] + ahead * row_step, series.times[-1] + ahead * step


def print_outlooks(found: dict[str, Backtest], form: Format) -> None:
    lines = [line for key, outlook in found.items() for line in _lines(key, outlook)]
    if form is Format.jsonl:
        for line in lines:
            print(json.dumps(line))
    elif form is Format.csv:
        writer = csv.DictWriter(sys.stdout, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    else:
        for key, outlook in found.items():
            _print_table(key, outlook)


def _lines(key: str, outlook: Backtest) -> list[dict[str, Any]]:
    numbers, times = future_of(outlook.series, outlook.horizon)
    ahead = outlook.forecast
    lines = []
    for h in range(outlook.horizon):
        for i, channel in enumerate(outlook.series.schema.channel_names):
            line: dict[str, Any] = {"key": key, "row": int(numbers[h]), "time": int(times[h])}
            line |= {"time_unit": outlook.series.schema.time_unit, "channel": channel}
            three = (("expected", ahead.point), ("lower", ahead.lower), ("upper", ahead.upper))
            line |= {name: _number(part[h, i]) for name, part in three}
            lines.append(line)
    return lines


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # JSON knows no NaN


def _print_table(key: str, outlook: Backtest) -> None:
    schema, ahead = outlook.series.schema, outlook.forecast
    numbers, times = future_of(outlook.series, outlook.horizon)
    timed = schema.time_unit != "step" or (times != numbers).any()
    table = plain_table()
    for heading in (*(["series"] if key else []), schema.row_label, *(["time"] if timed else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in schema.channel_names:
        table.add_column(escape(name), justify="right", no_wrap=True)
        table.add_column(f"{outlook.forecast.coverage:.0%} band", justify="right", no_wrap=True)
    for h in range(outlook.horizon):
        cells = [*([key] if key else []), str(numbers[h])]
        cells += [shown_time(int(times[h]), schema.time_unit)] if timed else []
        for i in range(schema.n_channels):
            low, high = ahead.lower[h, i], ahead.upper[h, i]
            band = f"{low:.5g} to {high:.5g}" if not np.isnan(low) else "not known"
            middle = ahead.point[h, i]
            cells += [f"{middle:.5g}" if np.isfinite(middle) else "-", band]
        table.add_row(*map(escape, cells))
    print_table(table)
