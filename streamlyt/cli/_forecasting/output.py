"""Output of forecasts: status line, JSON lines, CSV or table."""

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

__all__ = ["Backtest", "describe", "future_rows", "print_forecasts"]


@dataclass(frozen=True)
class Backtest:
    """A forecast, and the backtest on the last known rows."""

    series: Series
    model: Operator
    backtest: IntervalForecast
    forecast: IntervalForecast
    horizon: int
    error: float
    empirical_coverage: float


def describe(result: Backtest, coverage: float) -> str:
    """Return the status line of a forecast."""
    last = int(result.series.rows[-1])
    ends = np.flatnonzero(np.isnan(result.forecast.point[:, 0]))
    diverged = f" Closed loop diverged after {counted(int(ends[0]), 'step')}." if ends.size else ""
    covered = (
        ""
        if np.isnan(result.empirical_coverage)
        else f", {coverage:.0%} interval covered {result.empirical_coverage:.0%}"
    )
    return (
        f"{counted(result.horizon, 'step')} after row {last:,}. "
        f"Backtest on the last {counted(result.horizon, 'row')}: "
        f"RMSE {result.error:.2f} × persistence{covered}. "
        f"Valid prediction time: {counted(result.forecast.valid_steps, 'step')}.{diverged}"
    )


def future_rows(series: Series, horizon: int) -> tuple[Array, Array]:
    """Return numbers and times of the future rows, extrapolated by the median time step."""
    steps = np.diff(series.times)
    step = int(np.median(steps)) if steps.size else 1
    ahead = np.arange(1, horizon + 1)
    row_step = series.schema.row_step
    return series.rows[-1] + ahead * row_step, series.times[-1] + ahead * step


def print_forecasts(results: dict[str, Backtest], output_format: Format) -> None:
    lines = [line for key, result in results.items() for line in _lines(key, result)]
    if output_format is Format.jsonl:
        for line in lines:
            print(json.dumps(line))
    elif output_format is Format.csv:
        writer = csv.DictWriter(sys.stdout, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    else:
        for key, result in results.items():
            _print_table(key, result)


def _lines(key: str, result: Backtest) -> list[dict[str, Any]]:
    numbers, times = future_rows(result.series, result.horizon)
    forecast = result.forecast
    lines = []
    for h in range(result.horizon):
        for i, channel in enumerate(result.series.schema.channel_names):
            line: dict[str, Any] = {"key": key, "row": int(numbers[h]), "time": int(times[h])}
            line |= {"time_unit": result.series.schema.time_unit, "channel": channel}
            values = {"forecast": forecast.point, "lower": forecast.lower, "upper": forecast.upper}
            line |= {name: _number(part[h, i]) for name, part in values.items()}
            lines.append(line)
    return lines


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # JSON has no NaN


def _print_table(key: str, result: Backtest) -> None:
    schema, forecast = result.series.schema, result.forecast
    numbers, times = future_rows(result.series, result.horizon)
    timed = schema.time_unit != "step" or (times != numbers).any()
    table = plain_table()
    for heading in (*(["series"] if key else []), schema.row_label, *(["time"] if timed else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in schema.channel_names:
        table.add_column(escape(name), justify="right", no_wrap=True)
        table.add_column(f"{forecast.coverage:.0%} interval", justify="right", no_wrap=True)
    for h in range(result.horizon):
        cells = [*([key] if key else []), str(numbers[h])]
        cells += [shown_time(int(times[h]), schema.time_unit)] if timed else []
        for i in range(schema.n_channels):
            low, high = forecast.lower[h, i], forecast.upper[h, i]
            interval = f"{low:.5g} to {high:.5g}" if not np.isnan(low) else "n/a"
            point = forecast.point[h, i]
            cells += [f"{point:.5g}" if np.isfinite(point) else "-", interval]
        table.add_row(*map(escape, cells))
    print_table(table)
