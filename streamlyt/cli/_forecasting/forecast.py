"""A recorded table from its file to a forecast: checked on its last rows, told, and drawn."""

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

from .output import Backtest, future_of, print_outlooks, told
from .series import Series, check_not_constant, drop_time_columns, series_of

__all__ = ["Asked", "forecast_table"]

_MOST_ROWS = 100  # of a horizon that nobody asked for
_MANY = 1000  # rows from which the model for noiseless systems is tried, too
_AROUND = 4  # horizons of history on the page
_PART = 500  # rows between two looks at the bar: some hundredths of a second


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


def forecast_table(file: Path, asked: Asked, form: Format, report: Path | None) -> int:
    """Run ``streamlyt forecast``; return its exit status."""
    if asked.horizon is not None and asked.horizon < 1:
        raise ParameterError(f"--horizon must be at least 1 row, got {asked.horizon}")
    if not 0 < asked.coverage < 1:
        raise ParameterError(f"--coverage must be in (0, 1), as 0.9, got {asked.coverage!r}")
    if report is not None:
        check_not_replaced("--report", report)
        if not report.absolute().parent.is_dir():
            raise ParameterError(f"--report must be in a folder that is there, got {str(report)!r}")
    with readable(file) as path, notify_on_compile(report_compilation):
        title = "standard input" if path != file else file.name
        columns = named_columns(asked.columns)
        source = FileSource(path, columns=columns, time=asked.time, key=asked.key)
        if columns is None:
            source = drop_time_columns(source, title)
        chosen = [_named(asked)] if asked.model or asked.sets else []
        report_columns(source, title)
        all_series = series_of(source, asked.missing, title)
        passes = sum(len(each.values) * len(_models(each, chosen)) for each in all_series.values())
        with progress_of(title, passes) as bar:
            learn = _Learning(bar)
            found = {
                key: _outlook(series, chosen, asked, f"{title}, {key}" if key else title, learn)
                for key, series in all_series.items()
            }
        for key, outlook in found.items():
            echo_status(f"{title}{f', {key}' if key else ''}: {told(outlook, asked.coverage)}")
        print_outlooks(found, form)
        if report is not None:
            _draw(found, source, report, title, asked.coverage)
    return 0


def _named(asked: Asked) -> Any:
    name = asked.model or "robust_forecaster"
    if name.endswith(".toml"):
        return _of_pipeline(Path(name), asked.sets)
    if name.replace("-", "_") not in component_names("reservoirs"):
        raise unknown_name_error("--model", name, component_names("reservoirs"))
    get_component("reservoirs", name, "forecaster")
    table: dict[str, Any] = {"name": name}
    for given in asked.sets:
        key, equals, text = given.partition("=")
        if not equals:
            raise ParameterError(f"--set must be like delays=53, got {given!r}")
        table[key.strip()] = parse_toml_value(text.strip())
    return build_component(table, ("reservoirs",), "forecaster", "model")


def _of_pipeline(file: Path, sets: Sequence[str]) -> Any:
    """Return the forecaster of a pipeline file."""
    operators = load(file, sets).operators
    found = [each for each in operators.values() if isinstance(each, Forecaster)]
    if len(found) != 1:
        raise ParameterError(
            f"--model must be a pipeline file with one forecaster, got {str(file)!r} with "
            f"{len(found)}; streamlyt forecast tune writes one"
        )
    return found[0]


class _Learning:
    """Hands rows to models, and tells a bar how many there were."""

    def __init__(self, bar: Callable[[int], None] | None) -> None:
        self._bar, self._rows = bar, 0

    def __call__(self, model: Any, values: Floats) -> Floats:
        """Return the predictions of rows (n, d), each learnt after its own."""
        if self._bar is None:
            predicted: Floats = model.predict_and_learn(values)
            return predicted
        parts = []
        for start in range(0, len(values), _PART):
            parts.append(model.predict_and_learn(values[start : start + _PART]))
            self._rows += len(parts[-1])
            self._bar(self._rows)
        return np.concatenate(parts)


def _models(series: Series, chosen: Sequence[Any]) -> list[Any]:
    """Return what is tried: what was chosen, or the usual ones."""
    if chosen:
        return [model.clone() for model in chosen]
    many = len(series.values) >= _MANY
    return [RobustForecaster(), *([ReservoirForecaster()] if many else [])]


def _outlook(
    series: Series, chosen: Sequence[Any], asked: Asked, title: str, learn: _Learning
) -> Backtest:
    values = series.values
    n = len(values)
    horizon = asked.horizon or max(1, min(_MOST_ROWS, n // 10))
    models = _models(series, chosen)
    need = min(model.washout for model in models) + 10 + horizon
    if n < need:
        raise DataError(
            f"{title}: a forecast of {counted(horizon, 'row')} needs at least {need} rows, got "
            f"{n}; record more, or ask for a shorter --horizon"
        )
    check_not_constant(series, title)
    known, came = values[:-horizon], values[-horizon:]
    model = _best(models, known, learn)
    check = _bands(model, horizon, asked.coverage)
    spread = values.std(axis=0)
    off = np.sqrt((((check.point - came) / spread) ** 2).mean())
    last = np.sqrt((((known[-1] - came) / spread) ** 2).mean())
    inside = (check.lower <= came) & (came <= check.upper)
    banded = np.isfinite(check.lower)
    held = float(inside[banded].mean()) if banded.any() else float("nan")
    learn(model, came)
    ahead = _bands(model, horizon, asked.coverage)
    return Backtest(series, model, check, ahead, horizon, float(off / last), held)


def _best(models: Sequence[Any], known: Floats, learn: _Learning) -> Any:
    """Return the model that erred least on single rows of the second half, having learnt all."""
    half = len(known) // 2
    errors = []
    for model in models:
        if len(known) <= model.washout + 10:
            errors.append(np.inf)
            continue
        predicted = learn(model, known)
        errors.append(float(((predicted[half:] - known[half:]) ** 2 / known.var(axis=0)).mean()))
    return models[int(np.argmin(errors))]


def _bands(model: Any, horizon: int, coverage: float) -> IntervalForecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where a loop ended is told in words
        if hasattr(model, "forecast_interval"):
            found: IntervalForecast = model.forecast_interval(horizon, coverage)
            return found
        rows = model.forecast(horizon)
    none = np.full(rows.shape, np.nan)
    return IntervalForecast(rows, none, none, coverage, horizon, 0)


def _draw(
    found: dict[str, Backtest], source: FileSource, report: Path, title: str, coverage: float
) -> None:
    from streamlyt.dashboards import ForecastPlotData, write_forecast_report  # costs a second

    series = {}
    for key, outlook in found.items():
        part, horizon, ahead = outlook.series, outlook.horizon, outlook.forecast.valid_steps
        back = min(len(part.values), (1 + _AROUND) * horizon)
        numbers, times = future_of(part, horizon)
        none = np.full((back - horizon, part.schema.n_channels), np.nan)
        rows, lower, upper = (
            np.vstack([none, getattr(outlook.backtest, name), getattr(outlook.forecast, name)])
            for name in ("rows", "lower", "upper")
        )
        unknown_yet = np.full((horizon, part.schema.n_channels), np.nan)
        drawn = ForecastPlotData(
            np.concatenate([part.times[-back:], times]),
            np.concatenate([part.rows[-back:], numbers]),
            np.vstack([part.values[-back:], unknown_yet]),
            rows,
            lower,
            upper,
            valid=int(numbers[ahead]) if ahead < horizon else None,
        )
        series[key] = part.schema, drawn, f"{told(outlook, coverage).capitalize()}."
    first = next(iter(found.values()))
    lead = f"{told(first, coverage)}." if len(found) == 1 else f"{len(found):,} series forecast."
    facts = [(f"{first.horizon:,}", "rows ahead"), (f"{coverage:.0%}", "bands")]
    facts.append((type(first.model).__name__, "model"))
    pipeline = dump(source, [first.model.clone()])
    write_forecast_report(series, report, f"Forecast of {title}", lead, facts, pipeline)
    echo_status(f"report: {report}")
