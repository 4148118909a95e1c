"""A recorded table from its file to a forecast: checked on its last rows, told, and drawn."""

import csv
import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from streamlyt._build import build
from streamlyt._compile import kernel_cache, told_of_compiling
from streamlyt._layers import value_of
from streamlyt.base import Array, Batch, Floats, Operator, Schema
from streamlyt.catalog import find, names, unknown
from streamlyt.cli._columns import named_columns, tell_of_columns
from streamlyt.cli._guard import say
from streamlyt.cli._options import Format
from streamlyt.cli._print import counted, plain_table, print_table, shown_time
from streamlyt.cli._recorded import refuse_to_replace
from streamlyt.cli._table import holes_of, readable
from streamlyt.config import dump
from streamlyt.connectors import FileSource
from streamlyt.errors import DataError, FormatError, ParameterError
from streamlyt.observables import Missing
from streamlyt.observables.missing import Policy
from streamlyt.reservoirs import BandedForecast, MeasuredForecaster, ReservoirForecaster

__all__ = ["Asked", "Series", "forecast_table", "series_of"]

_MOST_ROWS = 100  # of a horizon that nobody asked for
_MANY = 1000  # rows from which the model for noiseless systems is tried, too
_AROUND = 4  # horizons of history on the page


@dataclass(frozen=True)
class Asked:
    """What the command line says, as it says it."""

    horizon: int | None
    coverage: float
    columns: str | None
    time: str | None
    key: str | None
    missing: Policy
    model: str | None
    sets: Sequence[str]


@dataclass(frozen=True)
class Series:
    """All rows of one series: numbers (n,), times (n,), values (n, d)."""

    rows: Array
    times: Array
    values: Floats
    schema: Schema


@dataclass(frozen=True)
class Outlook:
    """A forecast, and the one of the last known rows by which it is judged."""

    series: Series
    model: Operator
    check: BandedForecast
    ahead: BandedForecast
    horizon: int
    error: float
    held: float


def forecast_table(file: Path, asked: Asked, form: Format, report: Path | None) -> int:
    """Run ``streamlyt forecast``; return its exit status."""
    if asked.horizon is not None and asked.horizon < 1:
        raise ParameterError(f"--horizon must be at least 1 row, got {asked.horizon}")
    if not 0 < asked.coverage < 1:
        raise ParameterError(f"--coverage must be in (0, 1), as 0.9, got {asked.coverage!r}")
    if report is not None:
        refuse_to_replace("--report", report)
        if not report.absolute().parent.is_dir():
            raise ParameterError(f"--report must be in a folder that is there, got {str(report)!r}")
    with readable(file) as path, told_of_compiling(_tell_of_compiling):
        title = "standard input" if path != file else file.name
        columns = named_columns(asked.columns)
        source = FileSource(path, columns=columns, time=asked.time, key=asked.key)
        if columns is None:
            source = _without_clocks(source, title)
        chosen = [_named(asked)] if asked.model or asked.sets else []
        tell_of_columns(source, title)
        found = {
            key: _outlook(series, chosen, asked, f"{title}, {key}" if key else title)
            for key, series in series_of(source, asked.missing, title).items()
        }
        for key, outlook in found.items():
            say(f"{title}{f', {key}' if key else ''}: {told(outlook, asked.coverage)}")
        _print(found, form)
        if report is not None:
            _draw(found, source, report, title, asked.coverage)
    return 0


def _without_clocks(source: FileSource, title: str) -> FileSource:
    """Leave out columns that only count, as long as there are others."""
    counting = [name for name in source.schema.names if name in source.look().counting]
    rest = [name for name in source.schema.names if name not in counting]
    if not counting or not rest:
        return source
    say(f"{title}: left out {', '.join(counting)}, which only counts: --time names a clock")
    return FileSource(source.path, columns=rest, time=source.time, key=source.key)


def series_of(source: FileSource, missing: Policy, title: str) -> dict[str, Series]:
    """Read all rows of a table, by series; holes are refused, or mended as the policy says."""
    mends: dict[str, Operator] = {}
    parts: dict[str, list[tuple[Array, Batch]]] = {}
    counts: dict[str, int] = {}
    for batch, _ in source.read():
        key, first = batch.key, counts.get(batch.key, 0)
        counts[key] = first + batch.n
        if missing != "stop":
            mend = mends.setdefault(key, Missing(missing))
            given = sum(b.n for _, b in parts.get(key, ()))
            batch, _ = mend.update(batch)
            numbers = [mend.came_from(given + i) for i in range(batch.n)]
            parts.setdefault(key, []).append((np.array(numbers, np.int64), batch))
        elif not np.isfinite(batch.values).all():
            raise holes_of(source, title) or DataError(f"{title}: values must be finite")
        else:
            parts.setdefault(key, []).append((np.arange(first, counts[key]), batch))
    if not any(batch.n for each in parts.values() for _, batch in each):
        raise FormatError(f"{title}: a forecast needs rows, got none")
    return {key: _joined(each) for key, each in parts.items()}


def _joined(parts: Sequence[tuple[Array, Batch]]) -> Series:
    return Series(
        np.concatenate([numbers for numbers, _ in parts]),
        np.concatenate([batch.times for _, batch in parts]),
        np.concatenate([batch.values for _, batch in parts]),
        parts[0][1].schema,
    )


def _named(asked: Asked) -> Any:
    name = asked.model or "measured"
    if name.replace("-", "_") not in names("reservoirs"):
        raise unknown("--model", name, names("reservoirs"))
    find("reservoirs", name, "forecaster")
    table: dict[str, Any] = {"name": name}
    for given in asked.sets:
        key, equals, text = given.partition("=")
        if not equals:
            raise ParameterError(f"--set must be like delays=53, got {given!r}")
        table[key.strip()] = value_of(text.strip())
    return build(table, ("reservoirs",), "forecaster", "model")


def _outlook(series: Series, chosen: Sequence[Any], asked: Asked, title: str) -> Outlook:
    values = series.values
    n = len(values)
    horizon = asked.horizon or max(1, min(_MOST_ROWS, n // 10))
    models = chosen or [MeasuredForecaster(), *([ReservoirForecaster()] if n >= _MANY else [])]
    need = min(model.washout for model in models) + 10 + horizon
    if n < need:
        raise DataError(
            f"{title}: a forecast of {counted(horizon, 'row')} needs at least {need} rows, got "
            f"{n}; record more, or ask for a shorter --horizon"
        )
    still = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if still.size:
        raise DataError(
            f"{title}: {series.schema.names[still[0]]!r} must change to be forecast, got "
            f"{values[0, still[0]]:g} in all rows; name the other columns with --columns"
        )
    known, came = values[:-horizon], values[-horizon:]
    model = _best(models, known)
    check = _bands(model, horizon, asked.coverage)
    spread = values.std(axis=0)
    off = np.sqrt((((check.rows - came) / spread) ** 2).mean())
    last = np.sqrt((((known[-1] - came) / spread) ** 2).mean())
    inside = (check.lower <= came) & (came <= check.upper)
    banded = np.isfinite(check.lower)
    held = float(inside[banded].mean()) if banded.any() else float("nan")
    model.predict_and_learn(came)
    ahead = _bands(model, horizon, asked.coverage)
    return Outlook(series, model, check, ahead, horizon, float(off / last), held)


def _best(models: Sequence[Any], known: Floats) -> Any:
    """Return the model that erred least on single rows of the second half, having learnt all."""
    half = len(known) // 2
    errors = []
    for model in models:
        if len(known) <= model.washout + 10:
            errors.append(np.inf)
            continue
        predicted = model.predict_and_learn(known)
        errors.append(float(((predicted[half:] - known[half:]) ** 2 / known.var(axis=0)).mean()))
    return models[int(np.argmin(errors))]


def _bands(model: Any, horizon: int, coverage: float) -> BandedForecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where a loop ended is told in words
        if hasattr(model, "forecast_bands"):
            found: BandedForecast = model.forecast_bands(horizon, coverage)
            return found
        rows = model.forecast(horizon)
    none = np.full(rows.shape, np.nan)
    return BandedForecast(rows, none, none, coverage, horizon, 0)


def told(outlook: Outlook, coverage: float) -> str:
    """Return what came of a forecast, in a sentence."""
    n = len(outlook.series.values)
    ended = np.flatnonzero(np.isnan(outlook.ahead.rows[:, 0]))
    left = f"; the loop left the series after {ended[0]} rows" if ended.size else ""
    held = "" if np.isnan(outlook.held) else f", {coverage:.0%} bands held {outlook.held:.0%}"
    valid = outlook.ahead.valid_rows
    lasts = "all of them" if valid >= outlook.horizon else counted(valid, "row")
    return (
        f"{counted(outlook.horizon, 'row')} after {n:,} are expected; the same number before the "
        f"end, forecast without them, were off {outlook.error:.2f} times as far as the last value"
        f"{held}; expected to hold for {lasts}{left}"
    )


def _future(series: Series, horizon: int) -> tuple[Array, Array]:
    """Return numbers and times of the rows to come: on as the rows went, by the median step."""
    steps = np.diff(series.times)
    step = int(np.median(steps)) if steps.size else 1
    ahead = np.arange(1, horizon + 1)
    row_step = series.schema.row_step
    return series.rows[-1] + ahead * row_step, series.times[-1] + ahead * step


def _print(found: dict[str, Outlook], form: Format) -> None:
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


def _lines(key: str, outlook: Outlook) -> list[dict[str, Any]]:
    numbers, times = _future(outlook.series, outlook.horizon)
    ahead = outlook.ahead
    lines = []
    for h in range(outlook.horizon):
        for i, channel in enumerate(outlook.series.schema.names):
            line: dict[str, Any] = {"key": key, "row": int(numbers[h]), "time": int(times[h])}
            line |= {"time_unit": outlook.series.schema.time_unit, "channel": channel}
            three = (("expected", ahead.rows), ("lower", ahead.lower), ("upper", ahead.upper))
            line |= {name: _number(part[h, i]) for name, part in three}
            lines.append(line)
    return lines


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None  # JSON knows no NaN


def _print_table(key: str, outlook: Outlook) -> None:
    schema, ahead = outlook.series.schema, outlook.ahead
    numbers, times = _future(outlook.series, outlook.horizon)
    timed = schema.time_unit != "step" or (times != numbers).any()
    table = plain_table()
    for heading in (*(["series"] if key else []), schema.row, *(["time"] if timed else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in schema.names:
        table.add_column(escape(name), justify="right", no_wrap=True)
        table.add_column(f"{outlook.ahead.coverage:.0%} band", justify="right", no_wrap=True)
    for h in range(outlook.horizon):
        cells = [*([key] if key else []), str(numbers[h])]
        cells += [shown_time(int(times[h]), schema.time_unit)] if timed else []
        for i in range(schema.width):
            low, high = ahead.lower[h, i], ahead.upper[h, i]
            band = f"{low:.5g} to {high:.5g}" if not np.isnan(low) else "not known"
            middle = ahead.rows[h, i]
            cells += [f"{middle:.5g}" if np.isfinite(middle) else "-", band]
        table.add_row(*map(escape, cells))
    print_table(table)


def _draw(
    found: dict[str, Outlook], source: FileSource, report: Path, title: str, coverage: float
) -> None:
    from streamlyt.dashboards import Drawn, write_forecasts  # costs a second

    series = {}
    for key, outlook in found.items():
        part, horizon = outlook.series, outlook.horizon
        back = min(len(part.values), (1 + _AROUND) * horizon)
        numbers, times = _future(part, horizon)
        none = np.full((back - horizon, part.schema.width), np.nan)
        both = [
            np.vstack([none, getattr(outlook.check, name), getattr(outlook.ahead, name)])
            for name in ("rows", "lower", "upper")
        ]
        unknown_yet = np.full((horizon, part.schema.width), np.nan)
        drawn = Drawn(
            np.concatenate([part.times[-back:], times]),
            np.concatenate([part.rows[-back:], numbers]),
            np.vstack([part.values[-back:], unknown_yet]),
            *both,
        )
        series[key] = part.schema, drawn, f"{told(outlook, coverage).capitalize()}."
    first = next(iter(found.values()))
    lead = f"{told(first, coverage)}." if len(found) == 1 else f"{len(found):,} series forecast."
    facts = [(f"{first.horizon:,}", "rows ahead"), (f"{coverage:.0%}", "bands")]
    facts.append((type(first.model).__name__, "model"))
    pipeline = dump(source, [first.model.clone()])
    write_forecasts(series, report, f"Forecast of {title}", lead, facts, pipeline)
    say(f"report: {report}")


def _tell_of_compiling() -> None:
    say(f"compiling kernels once into {kernel_cache()} (some seconds)")
