"""Tune a forecaster on a recorded table and score it on held-out rows."""

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

from .series import Series, check_not_constant, drop_time_columns, read_series

__all__ = ["TuneOptions", "seconds_of", "tune_table"]

_MAX_DEFAULT_HORIZON = 100  # rows
_HELD_OUT = 10  # the newest tenth of the rows is held out
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class TuneOptions:
    """Command line options of ``streamlyt forecast tune``."""

    horizon: int | None
    time_budget: float | None
    max_trials: int | None
    seed: int
    columns: str | None
    time_column: str | None
    key_column: str | None
    missing: Policy
    save_pipeline: Path | None


def seconds_of(text: str) -> float:
    """Return the seconds of a number with a unit.

    Raises
    ------
    ParameterError
        If the text is not a positive time.

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
        raise ParameterError(
            f"--time-budget must be a time, for example 60s, 5m or 1h, got {text!r}"
        )
    return seconds


def tune_table(file: Path, options: TuneOptions) -> int:
    """Run ``streamlyt forecast tune``; return the exit status."""
    if options.horizon is not None and options.horizon < 1:
        raise ParameterError(f"--horizon must be at least 1 step, got {options.horizon}")
    if options.max_trials is not None and options.max_trials < 1:
        raise ParameterError(f"--max-trials must be at least 1, got {options.max_trials}")
    if str(file) == "-":
        raise ParameterError("FILE must be a file, got standard input; the pipeline file names it")
    target = options.save_pipeline
    if target is not None and target.exists():
        raise ParameterError(
            f"--save-pipeline must be a new file, got {str(target)!r}, which already exists; "
            "remove it"
        )
    if target is not None and not target.absolute().parent.is_dir():
        raise ParameterError(
            f"--save-pipeline: directory {str(target.parent)!r} does not exist; create it first"
        )
    with notify_on_compile(report_compilation):
        columns = named_columns(options.columns)
        source = FileSource(
            file, columns=columns, time_column=options.time_column, key_column=options.key_column
        )
        if columns is None:
            source = drop_time_columns(source, file.name)
        report_columns(source, file.name)
        model = _tuned_model(read_series(source, options.missing, file.name), options, file.name)
    fillers: list[Operator] = [] if options.missing == "raise" else [MissingValues(options.missing)]
    text = dump(source, [*fillers, model])
    if target is None:
        print(text, end="")
        usage = _forecast_command(file, "FILE.toml", options)
        echo_status(f"Save with --save-pipeline FILE.toml, then: {usage}")
    else:
        target.write_text(text, encoding="utf-8")
        usage = _forecast_command(file, str(target), options)
        echo_status(f"Pipeline file: {target}. Forecast with: {usage}")
    return 0


def _tuned_model(
    series: Mapping[str, Series], options: TuneOptions, title: str
) -> ReservoirForecaster:
    shortest = min(len(part.values) for part in series.values())
    horizon = options.horizon or max(1, min(_MAX_DEFAULT_HORIZON, shortest // 20))
    held_out = {key: _held_out(len(part.values), horizon) for key, part in series.items()}
    for key, part in series.items():
        name = f"{title}, {key}" if key else title
        need = fewest_rows(horizon) + held_out[key]
        if len(part.values) < need:
            raise DataError(
                f"{name}: tuning forecasts of {counted(horizon, 'row')} needs at least {need} "
                f"rows, got {len(part.values)}; record more rows or shorten --horizon"
            )
        check_not_constant(part, name)
    known = [part.values[: -held_out[key]] for key, part in series.items()]
    for key, rows in zip(series, known, strict=True):
        check_not_constant(series[key], f"{title}, without the held-out rows", rows)
    result = _search(known, horizon, options, title)

    def error_of(model: ReservoirForecaster) -> float:
        errors = [
            backtest_error(model, part.values, len(part.values) - held_out[key], horizon)[0.0]
            for key, part in series.items()
        ]
        return float(np.mean(errors))

    default = error_of(result.default_model)
    tuned = default if result.model is result.default_model else error_of(result.model)
    echo_status(
        f"{title}: {counted(result.trials, 'trial')} in {result.seconds:.0f} CPU s. "
        f"Hold-out ({counted(sum(held_out.values()), 'row')}): RMSE {tuned:.3g} × persistence "
        f"(default parameters: {default:.3g})."
    )
    return result.model


def _search(known: list[Floats], horizon: int, options: TuneOptions, title: str) -> TuningResult:
    """Search with a progress bar of trials or CPU time; report an exceeded budget."""
    budget = (
        BUDGET
        if options.max_trials is None and options.time_budget is None
        else options.time_budget
    )
    unit = "trials" if budget is None else "CPU seconds"
    with progress_of(
        f"{title}: {unit}", options.max_trials if budget is None else round(budget)
    ) as bar:

        def watch(tried: int, seconds: float) -> None:
            if bar is not None:
                bar(tried if budget is None else min(int(seconds), round(budget)))

        result = tune(
            known,
            horizon,
            trials=options.max_trials,
            budget=budget,
            seed=options.seed,
            progress=echo_status,
            watch=watch,
        )
    if budget is not None and result.seconds > budget:
        echo_status(
            f"{title}: The {'default' if result.trials == 1 else 'last'} trial exceeded the budget "
            f"of {budget:g} CPU s. Raise it with --time-budget."
        )
    return result


def _held_out(rows: int, horizon: int) -> int:
    return max(rows // _HELD_OUT, horizon + 1)


def _forecast_command(file: Path, pipeline: str, options: TuneOptions) -> str:
    words = [f"streamlyt forecast {file} --model {pipeline}"]
    for name in ("columns", "time_column", "key_column"):
        if (value := getattr(options, name)) is not None:
            words.append(f"--{name.replace('_', '-')} {value}")
    if options.missing != "raise":
        words.append(f"--missing {options.missing}")
    return " ".join(words)
