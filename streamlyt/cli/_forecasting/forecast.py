"""Forecast a recorded table: backtest on its last rows, print, and write the report."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamlyt.cli._detection.run import check_not_replaced
from streamlyt.cli._detection.table import readable
from streamlyt.cli._output.progress import progress_of, report_compilation
from streamlyt.cli._output.tables import counted
from streamlyt.cli.column_options import named_columns, report_columns
from streamlyt.cli.error_handling import echo_status
from streamlyt.cli.options import Format
from streamlyt.config.factory import build_component
from streamlyt.config.layers import parse_toml_value
from streamlyt.config.pipeline_file import dump, load
from streamlyt.connectors import FileSource
from streamlyt.core import Floats, Forecaster
from streamlyt.core.errors import DataError, ParameterError, unknown_name_error
from streamlyt.core.numerics.jit import notify_on_compile
from streamlyt.registry import component_names, get_component
from streamlyt.reservoirs import IntervalForecast, ReservoirForecaster, RobustForecaster
from streamlyt.transforms.missing_values import Policy

from .output import Backtest, describe, future_rows, print_forecasts
from .series import Series, check_not_constant, drop_time_columns, read_series

__all__ = ["ForecastOptions", "forecast_table"]

_MAX_DEFAULT_HORIZON = 100  # rows
_MIN_ROWS_RESERVOIR = 1000  # from here on the model for noise-free systems is a candidate, too
_HISTORY = 4  # horizons of history in the report
_CHUNK = 500  # rows between two updates of the progress bar


@dataclass(frozen=True)
class ForecastOptions:
    """Command line options of ``streamlyt forecast``."""

    horizon: int | None
    coverage: float
    columns: str | None
    time_column: str | None
    key_column: str | None
    missing: Policy
    model: str | None
    sets: Sequence[str]


def forecast_table(
    file: Path, options: ForecastOptions, output_format: Format, report: Path | None
) -> int:
    """Run ``streamlyt forecast``; return the exit status."""
    if options.horizon is not None and options.horizon < 1:
        raise ParameterError(f"--horizon must be at least 1 step, got {options.horizon}")
    if not 0 < options.coverage < 1:
        raise ParameterError(f"--coverage must be in (0, 1), got {options.coverage!r}")
    if report is not None:
        check_not_replaced("--report", report)
        if not report.absolute().parent.is_dir():
            raise ParameterError(
                f"--report: directory {str(report.parent)!r} does not exist; create it first"
            )
    with readable(file) as path, notify_on_compile(report_compilation):
        title = "standard input" if path != file else file.name
        columns = named_columns(options.columns)
        source = FileSource(
            path, columns=columns, time_column=options.time_column, key_column=options.key_column
        )
        if columns is None:
            source = drop_time_columns(source, title)
        selected = [_named_model(options)] if options.model or options.sets else []
        report_columns(source, title)
        all_series = read_series(source, options.missing, title)
        passes = sum(
            len(part.values) * len(_models(part, selected)) for part in all_series.values()
        )
        with progress_of(title, passes) as bar:
            learn = _Trainer(bar)
            results = {
                key: _backtest(
                    series, selected, options, f"{title}, {key}" if key else title, learn
                )
                for key, series in all_series.items()
            }
        for key, result in results.items():
            name = f"{title}, {key}" if key else title
            echo_status(f"{name}: {describe(result, options.coverage)}")
        print_forecasts(results, output_format)
        if report is not None:
            _write_report(results, source, report, title, options.coverage)
    return 0


def _named_model(options: ForecastOptions) -> Any:
    name = options.model or "robust_forecaster"
    if name.endswith(".toml"):
        return _pipeline_model(Path(name), options.sets)
    if name.replace("-", "_") not in component_names("reservoirs"):
        raise unknown_name_error("--model", name, component_names("reservoirs"))
    get_component("reservoirs", name, "forecaster")
    table: dict[str, Any] = {"type": name}
    for setting in options.sets:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ParameterError(
                f"--set must be NAME=VALUE, for example n_delays=53, got {setting!r}"
            )
        table[key.strip()] = parse_toml_value(text.strip())
    return build_component(table, ("reservoirs",), "forecaster", "model")


def _pipeline_model(file: Path, sets: Sequence[str]) -> Any:
    """Return the forecaster of a pipeline file."""
    operators = load(file, sets).operators
    models = [operator for operator in operators.values() if isinstance(operator, Forecaster)]
    if len(models) != 1:
        raise ParameterError(
            f"--model must be a pipeline file with one forecaster, got {str(file)!r} with "
            f"{len(models)}; write one with streamlyt forecast tune"
        )
    return models[0]


class _Trainer:
    """Passes rows to models and updates the progress bar."""

    def __init__(self, bar: Callable[[int], None] | None) -> None:
        self._bar, self._rows = bar, 0

    def __call__(self, model: Any, values: Floats) -> Floats:
        """Return the prediction of each row (n, d), made before the model learns that row."""
        if self._bar is None:
            predicted: Floats = model.predict_and_learn(values)
            return predicted
        parts = []
        for start in range(0, len(values), _CHUNK):
            parts.append(model.predict_and_learn(values[start : start + _CHUNK]))
            self._rows += len(parts[-1])
            self._bar(self._rows)
        return np.concatenate(parts)


def _models(series: Series, selected: Sequence[Any]) -> list[Any]:
    """Return the candidates: the selected models, or the default ones."""
    if selected:
        return [model.clone() for model in selected]
    long = len(series.values) >= _MIN_ROWS_RESERVOIR
    return [RobustForecaster(), *([ReservoirForecaster()] if long else [])]


def _backtest(
    series: Series, selected: Sequence[Any], options: ForecastOptions, title: str, learn: _Trainer
) -> Backtest:
    values = series.values
    n = len(values)
    horizon = options.horizon or max(1, min(_MAX_DEFAULT_HORIZON, n // 10))
    models = _models(series, selected)
    need = min(model.washout for model in models) + 10 + horizon
    if n < need:
        raise DataError(
            f"{title}: a forecast of {counted(horizon, 'row')} needs at least {need} rows, got "
            f"{n}; record more rows or shorten --horizon"
        )
    check_not_constant(series, title)
    known, observed = values[:-horizon], values[-horizon:]
    model = _best(models, known, learn)
    backtest = _intervals(model, horizon, options.coverage)
    scale = values.std(axis=0)
    error = np.sqrt((((backtest.point - observed) / scale) ** 2).mean())
    persistence = np.sqrt((((known[-1] - observed) / scale) ** 2).mean())
    inside = (backtest.lower <= observed) & (observed <= backtest.upper)
    calibrated = np.isfinite(backtest.lower)
    coverage = float(inside[calibrated].mean()) if calibrated.any() else float("nan")
    learn(model, observed)
    forecast = _intervals(model, horizon, options.coverage)
    relative = float(error / persistence)
    return Backtest(series, model, backtest, forecast, horizon, relative, coverage)


def _best(models: Sequence[Any], known: Floats, learn: _Trainer) -> Any:
    """Return the model with the smallest one-step error on the second half, after all rows."""
    half = len(known) // 2
    errors = []
    for model in models:
        if len(known) <= model.washout + 10:
            errors.append(np.inf)
            continue
        predicted = learn(model, known)
        errors.append(float(((predicted[half:] - known[half:]) ** 2 / known.var(axis=0)).mean()))
    return models[int(np.argmin(errors))]


def _intervals(model: Any, horizon: int, coverage: float) -> IntervalForecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the status line reports diverged loops
        if hasattr(model, "forecast_interval"):
            intervals: IntervalForecast = model.forecast_interval(horizon, coverage)
            return intervals
        rows = model.forecast(horizon)
    none = np.full(rows.shape, np.nan)
    return IntervalForecast(rows, none, none, coverage, horizon, 0)


def _write_report(
    results: dict[str, Backtest], source: FileSource, report: Path, title: str, coverage: float
) -> None:
    from streamlyt.dashboards import ForecastPlotData, write_forecast_report  # slow to import

    series = {}
    for key, result in results.items():
        part, horizon, valid = result.series, result.horizon, result.forecast.valid_steps
        back = min(len(part.values), (1 + _HISTORY) * horizon)
        numbers, times = future_rows(part, horizon)
        none = np.full((back - horizon, part.schema.n_channels), np.nan)
        rows, lower, upper = (
            np.vstack([none, getattr(result.backtest, name), getattr(result.forecast, name)])
            for name in ("point", "lower", "upper")
        )
        unobserved = np.full((horizon, part.schema.n_channels), np.nan)
        plot = ForecastPlotData(
            np.concatenate([part.times[-back:], times]),
            np.concatenate([part.rows[-back:], numbers]),
            np.vstack([part.values[-back:], unobserved]),
            rows,
            lower,
            upper,
            valid=int(numbers[valid]) if valid < horizon else None,
        )
        series[key] = part.schema, plot, describe(result, coverage)
    first = next(iter(results.values()))
    one = len(results) == 1
    lead = describe(first, coverage) if one else f"Forecasts of {len(results):,} series."
    facts = [(f"{first.horizon:,}", "steps"), (f"{coverage:.0%}", "intervals")]
    facts.append((type(first.model).__name__, "model"))
    pipeline = dump(source, [first.model.clone()])
    write_forecast_report(series, report, f"Forecast of {title}", lead, facts, pipeline)
    echo_status(f"Report: {report}")
