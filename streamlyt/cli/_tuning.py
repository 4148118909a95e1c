"""A recorded table to a forecaster of found parameters, judged on rows not used to find them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamlyt._compile import compiling_notice, told_of_compiling
from streamlyt.base import Floats, Operator
from streamlyt.cli._columns import named_columns, tell_of_columns
from streamlyt.cli._guard import say
from streamlyt.cli._print import counted
from streamlyt.cli._recorded import progress_of
from streamlyt.cli._series import Series, refuse_still, series_of, without_clocks
from streamlyt.config import dump
from streamlyt.connectors import FileSource
from streamlyt.errors import DataError, ParameterError
from streamlyt.observables import Missing
from streamlyt.observables.missing import Policy
from streamlyt.reservoirs import ReservoirForecaster, Tuned, tune
from streamlyt.reservoirs._search import BUDGET
from streamlyt.reservoirs._validation import fewest_rows, judged

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
    with told_of_compiling(_tell_of_compiling):
        columns = named_columns(wanted.columns)
        source = FileSource(file, columns=columns, time=wanted.time, key=wanted.key)
        if columns is None:
            source = without_clocks(source, file.name)
        tell_of_columns(source, file.name)
        model = _found(series_of(source, wanted.missing, file.name), wanted, file.name)
    mends: list[Operator] = [] if wanted.missing == "stop" else [Missing(wanted.missing)]
    text = dump(source, [*mends, model])
    if goal is None:
        print(text, end="")
        say(f"keep it with --pipeline FILE.toml, then: {_use(file, 'FILE.toml', wanted)}")
    else:
        goal.write_text(text, encoding="utf-8")
        say(f"pipeline: {goal}; forecast by it: {_use(file, str(goal), wanted)}")
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
        refuse_still(each, called)
    known = [each.values[: -held[key]] for key, each in series.items()]
    for key, rows in zip(series, known, strict=True):
        refuse_still(series[key], f"{title}, without its newest rows", rows)
    found = _searched(known, horizon, wanted, title)

    def off(model: ReservoirForecaster) -> float:
        errors = [
            judged(model, each.values, len(each.values) - held[key], horizon)[0.0]
            for key, each in series.items()
        ]
        return float(np.mean(errors))

    usual = off(found.usual)
    own = usual if found.model is found.usual else off(found.model)
    newest = sum(held.values())
    better = "better than" if own < usual else "no better than"
    say(
        f"{title}: {counted(found.trials, 'set')} of parameters in {found.seconds:.0f} CPU s; on "
        f"the newest {counted(newest, 'row')}, which the search had not seen, forecasts of "
        f"{counted(horizon, 'row')} are off {own:.3g} times as far as the last value, {better} "
        f"{usual:.3g} by default"
    )
    return found.model


def _searched(known: list[Floats], horizon: int, wanted: Wanted, title: str) -> Tuned:
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
            progress=say,
            watch=watch,
        )
    if budget is not None and found.seconds > budget:
        say(
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


def _tell_of_compiling() -> None:
    say(compiling_notice())
