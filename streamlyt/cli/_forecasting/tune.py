"""A recorded table to a forecaster of found parameters, judged on rows not used to find them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamlyt.cli._output.progress import progress_of, report_compilation
from streamlyt.cli._output.tables import counted
from streamlyt.cli.column_options import named_columns, report_columns
from streamlyt.cli.error_handling import echo_status
from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import FileSource
from streamlyt.core import Floats, Operator
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.numerics.jit import notify_on_compile
from streamlyt.reservoirs import (
    BUDGET,
    ReservoirForecaster,
    TuningResult,
    backtest_error,
    fewest_rows,
    tune,
)
from streamlyt.transforms import MissingValues
from streamlyt.transforms.missing_values import Policy

from .series import Series, check_not_constant, drop_time_columns, series_of

__all__ = ["Wanted", "seconds_of", "tune_table"]

_MOST_ROWS = 100  # of a horizon that nobody asked for
_HELD_OUT = 10  # one row in so many, the newest: no parameter is chosen by them
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Wanted:
    """What the command line says, as it says it."""

    horizon: int | None
    budget: float | None
    trials: int | None
    seed: int
    columns: str | None
    time: str | None
    key: str | None
    missing: Policy
    pipeline: Path | None


def seconds_of(text: str) -> float:
    """Return a time in seconds from a number and a unit.

    Raises
    ------
    ParameterError
        If it is nothing of the kind.

    Examples
    --------
    >>> seconds_of("90"), seconds_of("60s"), seconds_of("1.5m")
    (90.0, 60.0, 90.0)
    """
    text = text.strip()
    unit = text[-1:].lower()
    try:
        seconds = float(text[:-1] if unit in _UNITS else text) * _UNITS.get(unit, 1.0)
    except ValueError:
        seconds = np.nan
    if not 0 < seconds < np.inf:
        raise ParameterError(f"--budget must be a time like 60s, 5m or 1h, got {text!r}")
    return seconds


def tune_table(file: Path, wanted: Wanted) -> int:
    """Run ``streamlyt forecast tune``; return its exit status."""
    if wanted.horizon is not None and wanted.horizon < 1:
        raise ParameterError(f"--horizon must be at least 1 row, got {wanted.horizon}")
    if wanted.trials is not None and wanted.trials < 1:
        raise ParameterError(f"--trials must be at least 1, got {wanted.trials}")
    if str(file) == "-":
        raise ParameterError("tune takes a file, for the pipeline names it; got standard input")
    goal = wanted.pipeline
    if goal is not None and goal.exists():
        raise ParameterError(f"--pipeline must name a new file, got {str(goal)!r}; remove it")
    if goal is not None and not goal.absolute().parent.is_dir():
        raise ParameterError(f"--pipeline must be in a folder that is there, got {str(goal)!r}")
    with notify_on_compile(report_compilation):
        columns = named_columns(wanted.columns)
        source = FileSource(file, columns=columns, time=wanted.time, key=wanted.key)
        if columns is None:
            source = drop_time_columns(source, file.name)
        report_columns(source, file.name)
        model = _found(series_of(source, wanted.missing, file.name), wanted, file.name)
    mends: list[Operator] = [] if wanted.missing == "stop" else [MissingValues(wanted.missing)]
    text = dump(source, [*mends, model])
    if goal is None:
        print(text, end="")
        echo_status(f"keep it with --pipeline FILE.toml, then: {_use(file, 'FILE.toml', wanted)}")
    else:
        goal.write_text(text, encoding="utf-8")
        echo_status(f"pipeline: {goal}; forecast by it: {_use(file, str(goal), wanted)}")
    return 0


def _found(series: Mapping[str, Series], wanted: Wanted, title: str) -> ReservoirForecaster:
    shortest = min(len(each.values) for each in series.values())
    horizon = wanted.horizon or max(1, min(_MOST_ROWS, shortest // 20))
    held = {key: _held_out(len(each.values), horizon) for key, each in series.items()}
    for key, each in series.items():
        called = f"{title}, {key}" if key else title
        need = fewest_rows(horizon) + held[key]
        if len(each.values) < need:
            raise DataError(
                f"{called}: a search for forecasts of {counted(horizon, 'row')} needs at least "
                f"{need} rows, got {len(each.values)}; record more, or ask for a shorter --horizon"
            )
        check_not_constant(each, called)
    known = [each.values[: -held[key]] for key, each in series.items()]
    for key, rows in zip(series, known, strict=True):
        check_not_constant(series[key], f"{title}, without its newest rows", rows)
    found = _searched(known, horizon, wanted, title)

    def off(model: ReservoirForecaster) -> float:
        errors = [
            backtest_error(model, each.values, len(each.values) - held[key], horizon)[0.0]
            for key, each in series.items()
        ]
        return float(np.mean(errors))

    usual = off(found.default_model)
    own = usual if found.model is found.default_model else off(found.model)
    newest = sum(held.values())
    better = "better than" if own < usual else "no better than"
    echo_status(
        f"{title}: {counted(found.trials, 'set')} of parameters in {found.seconds:.0f} CPU s; on "
        f"the newest {counted(newest, 'row')}, which the search had not seen, forecasts of "
        f"{counted(horizon, 'row')} are off {own:.3g} times as far as the last value, {better} "
        f"{usual:.3g} by default"
    )
    return found.model


def _searched(known: list[Floats], horizon: int, wanted: Wanted, title: str) -> TuningResult:
    """Search with a bar of the trials or of the budget, and say where that did not suffice."""
    budget = BUDGET if wanted.trials is None and wanted.budget is None else wanted.budget
    of = "sets" if budget is None else "CPU seconds"
    with progress_of(f"{title}: {of}", wanted.trials if budget is None else round(budget)) as bar:

        def watch(tried: int, seconds: float) -> None:
            if bar is not None:
                bar(tried if budget is None else min(int(seconds), round(budget)))

        found = tune(
            known,
            horizon,
            trials=wanted.trials,
            budget=budget,
            seed=wanted.seed,
            progress=echo_status,
            watch=watch,
        )
    if budget is not None and found.seconds > budget:
        echo_status(
            f"{title}: the {'default' if found.trials == 1 else 'last set'} that was tried took "
            f"longer than the budget of {budget:g} CPU s; give more with --budget"
        )
    return found


def _held_out(rows: int, horizon: int) -> int:
    return max(rows // _HELD_OUT, horizon + 1)


def _use(file: Path, pipeline: str, wanted: Wanted) -> str:
    words = [f"streamlyt forecast {file} --model {pipeline}"]
    for name in ("columns", "time", "key"):
        if (value := getattr(wanted, name)) is not None:
            words.append(f"--{name} {value}")
    if wanted.missing != "stop":
        words.append(f"--missing {wanted.missing}")
    return " ".join(words)
