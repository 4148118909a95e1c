"""Parameter search by backtests inside the series."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamlyt.core import Floats
from streamlyt.core.validation import check_integer, check_number
from streamlyt.reservoirs.reservoir_forecaster import ReservoirForecaster
from streamlyt.reservoirs.robust_forecaster import RobustForecaster

from .backtest import backtest_error, checked
from .parameter_sampler import MANY, ParameterSampler, short

__all__ = ["BUDGET", "TuningResult", "tune"]

_VALIDATED = 0.25  # fraction of the rows, the newest, that is forecast
_MAX_ROWS = 20_000  # maximum rows that a trial learns
_DRAWN = 9  # candidates per round; a third of them continues with three times the rows
_RUNGS = (1 / 9, 1 / 3, 1.0)
_SHORT = 3000  # rows; for shorter series, parts are uninformative and hardly cheaper
BUDGET = 60.0  # CPU seconds

Progress = Callable[[str], None]
Watch = Callable[[int, float], None]


@dataclass(frozen=True)
class TuningResult:
    """Result of a search.

    Parameters
    ----------
    model
        The best forecaster, untrained.
    error
        RMSE of its forecasts, relative to persistence.
    default_model
        The best of the default forecasters.
    default_error
        Its error; equals ``error`` if nothing better was found.
    trials
        Number of parameter sets tried, including the defaults.
    seconds
        CPU seconds used.
    """

    model: ReservoirForecaster
    error: float
    default_model: ReservoirForecaster
    default_error: float
    trials: int
    seconds: float


def tune(
    series: Floats | Sequence[Floats],
    horizon: int,
    *,
    trials: int | None = None,
    budget: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> TuningResult:
    """Search scales, leak rate, size and ridge of a forecaster.

    Models that learned the older rows forecast the newest quarter, ``horizon`` rows from each of up
    to 32 origins. The defaults are tried first. Then each round draws nine parameter sets, at
    random or near the best so far, which learn a ninth of the rows; the best three learn a third,
    and the best of them all rows (successive halving [1]_). One pass evaluates all ridges. Series
    of fewer than 3,000 rows are always learned completely.

    Candidates are a :class:`RobustForecaster` and, from 1,000 rows, a :class:`ReservoirForecaster`
    over an :class:`EchoStateNetwork`.

    Parameters
    ----------
    series
        Shape (n, d), finite, or several such series with common parameters. Do not include rows for
        testing the result: the search uses all of these.
    horizon
        Forecast horizon in rows.
    trials
        Maximum number of parameter sets; the result then depends only on the seed.
    budget
        Maximum CPU seconds. The first default is always tried; a step that does not fit, by the
        cost of the previous one, is not started. 60 if neither limit is given.
    seed
        Seed of the draws.
    progress
        Called with a sentence for each improvement.
    watch
        Called after each parameter set with their number and the CPU seconds so far.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    DataError
        If a series is too short, is not finite, or has a constant channel.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
       optimization", AISTATS 2016 (arXiv 1502.07943).

    Examples
    --------
    >>> rows = np.sin(0.3 * np.arange(400))[:, None]
    >>> rows += 0.1 * np.random.default_rng(0).normal(size=(400, 1))
    >>> result = tune(rows, 10, trials=5)
    >>> result.trials, result.error <= result.default_error < 0.3
    (5, True)
    """
    check_integer("horizon", horizon, 1)
    check_integer("seed", seed, 0)
    if trials is not None:
        check_integer("trials", trials, 1)
    if budget is not None:
        check_number("budget", budget, positive=True)
    many = [series] if isinstance(series, np.ndarray) else list(series)
    rows = [checked(each, horizon) for each in many]
    budget = BUDGET if trials is None and budget is None else budget
    return _Search(rows, horizon, trials, budget, seed, progress, watch).run()


class _SpentError(Exception):
    """The next step exceeds the budget."""


class _Search:
    """One search: its budget and the best result so far."""

    def __init__(
        self,
        series: Sequence[Floats],
        horizon: int,
        trials: int | None,
        budget: float | None,
        seed: int,
        progress: Progress | None,
        watch: Watch | None,
    ) -> None:
        self.series = series
        self.horizon = horizon
        self.trials = math.inf if trials is None else trials
        self.budget = math.inf if budget is None else budget
        self.progress = progress
        self.watch = watch
        self.started = time.process_time()
        self.tried = 0
        self.shortest = min(len(rows) for rows in series)
        self.draws = ParameterSampler(seed, self.shortest)
        self.best: tuple[float, ReservoirForecaster] | None = None

    def run(self) -> TuningResult:
        """Try the defaults, then rounds until trials or budget are used up."""
        default_error, default = self._try_defaults()
        try:
            while self.tried < self.trials:
                self._round()
        except _SpentError:
            pass
        assert self.best is not None
        error, model = self.best
        return TuningResult(model, error, default, default_error, self.tried, self._seconds())

    def _seconds(self) -> float:
        return time.process_time() - self.started

    def _try_defaults(self) -> tuple[float, ReservoirForecaster]:
        models: list[ReservoirForecaster] = [RobustForecaster()]
        if self.shortest >= MANY and self.trials > 1:
            models.append(ReservoirForecaster())
        default: tuple[float, ReservoirForecaster] | None = None
        for model in models:
            if default is not None and not self._fits_budget(self._seconds()):
                break  # the second one costs about as much
            self.tried += 1
            errors = self._errors(model, 1.0)
            own = errors.pop(0.0)
            if default is None or own < default[0]:
                default = own, model
            # One pass evaluates all ridges.
            found = [(error, _with(model, ridge=ridge)) for ridge, error in errors.items()]
            self._record(*min([(own, model), *found], key=lambda each: each[0]))
        assert default is not None
        return default

    def _record(self, error: float, model: ReservoirForecaster) -> None:
        if self.best is None or error < self.best[0]:
            self.best = error, model
            if self.progress is not None:
                self.progress(
                    f"{self.tried} trials, {self._seconds():.0f} CPU s: "
                    f"RMSE {error:.3g} × persistence, {short(model)}"
                )

    def _round(self) -> None:
        """Run one round of successive halving."""
        count = int(min(_DRAWN, self.trials - self.tried))
        rungs = _RUNGS[-1:] if self.shortest < _SHORT else _RUNGS
        near = self.best[1] if self.best and self.tried > _DRAWN else None
        drawn = [self.draws.forecaster(near) for _ in range(count)]
        for i, share in enumerate(rungs):
            scored: list[tuple[float, float, ReservoirForecaster]] = []
            for model in drawn:
                mean_cost = float(np.mean([cost for _, cost, _ in scored])) if scored else 0.0
                if not self._fits_budget(mean_cost):
                    raise _SpentError
                self.tried += i == 0
                began = self._seconds()
                errors = self._errors(model, share)
                errors = {k: v for k, v in errors.items() if k or len(errors) == 1}
                ridge = min(errors, key=errors.__getitem__)
                found = _with(model, ridge=ridge) if ridge else model
                scored.append((errors[ridge], self._seconds() - began, found))
                if share == 1.0:
                    self._record(errors[ridge], found)
            if share == 1.0:
                return
            scored.sort(key=lambda each: each[0])
            kept = scored[: max(1, len(scored) // 3)]
            more = rungs[i + 1] / share
            while kept and not self._fits_budget(more * sum(cost for _, cost, _ in kept)):
                kept.pop()
            drawn = [model for _, _, model in kept]
            if not drawn:
                raise _SpentError

    def _fits_budget(self, seconds: float) -> bool:
        """Return whether the budget allows ``seconds`` more."""
        return self._seconds() + seconds <= self.budget

    def _errors(self, model: ReservoirForecaster, share: float) -> dict[float, float]:
        """Return the mean error over all series by ridge, and report to ``watch``."""
        found: dict[float, list[float]] = {}
        for rows in self.series:
            first = len(rows) - max(int(_VALIDATED * len(rows)), self.horizon + 1)
            learn = max(int(share * min(first, _MAX_ROWS)), model.washout + 10)
            for ridge, error in backtest_error(model, rows, first, self.horizon, learn).items():
                found.setdefault(ridge, []).append(error)
        if self.watch is not None:
            self.watch(self.tried, self._seconds())
        return {ridge: float(np.mean(errors)) for ridge, errors in found.items()}


def _with(model: ReservoirForecaster, **changed: Any) -> ReservoirForecaster:
    return type(model)(**{**model.get_params(), **changed})
