"""Parameters found by trying: forecasts of rows inside a series that were not learnt from."""

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

_VALIDATED = 0.25  # of the rows: the newest, from which forecasts are compared with what came
_MOST = 20_000  # newest rows that are learnt in a trial
_DRAWN = 9  # parameters of a round: a third of them goes on to three times the rows, and again
_RUNGS = (1 / 9, 1 / 3, 1.0)
_SHORT = 3000  # rows: with fewer, a part of them says little and costs little less
BUDGET = 60.0  # CPU seconds

Progress = Callable[[str], None]
Watch = Callable[[int, float], None]


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Parameters
    ----------
    model
        The best forecaster, with nothing learnt yet.
    error
        Root mean square error of its forecasts, in units of that of persistence.
    default_model
        The best of the default forecasters, and ``default_error`` its error.
    default_error
        See ``usual``; the same as ``error`` where nothing better was found.
    trials
        Parameters tried, the defaults among them.
    seconds
        CPU seconds spent.
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
    """Find scales, leak rate, size and ridge of a forecaster, by trying.

    The newest quarter of the rows is forecast, ``horizon`` rows from each of up to 32 moments,
    by models that learnt the rows before it. The defaults are tried first. Then in each round
    nine sets of parameters are drawn, at random or beside the best so far, and learn a ninth of
    the rows; the best three learn a third, and the best of them all (successive halving [1]_).
    Each time one pass serves all ridges. Series of less than 3,000 rows are learnt whole at once.

    Tried are a :class:`RobustForecaster`, and from 1,000 rows on a :class:`ReservoirForecaster`
    over an :class:`Echo` as well.

    Parameters
    ----------
    series
        Shape (n, d), finite, or several such series that shall share their parameters. Rows by
        which the result is to be judged do not belong here: it was chosen by all of these.
    horizon
        Rows that a forecast goes ahead.
    trials
        Most sets of parameters that are tried; the same seed then finds the same ones anywhere.
    budget
        CPU seconds that the search may take. The first default is tried in any case, and nothing
        is begun of which its cheaper part says that it does not fit. Where neither is given, 60.
    seed
        Of what is drawn.
    progress
        Is told, in a sentence, whenever something better was found.
    watch
        Is told after each set of parameters how many were tried, and in how many CPU seconds.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    DataError
        If a series is too short, is not finite, or a channel never changes.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
       optimization", AISTATS 2016 (arXiv 1502.07943).

    Examples
    --------
    >>> rows = np.sin(0.3 * np.arange(400))[:, None]
    >>> rows += 0.1 * np.random.default_rng(0).normal(size=(400, 1))
    >>> found = tune(rows, 10, trials=5)
    >>> found.trials, found.error <= found.default_error < 0.3
    (5, True)
    """
    check_integer("horizon", horizon, 1)
    check_integer("seed", seed, 0)
    if trials is not None:
        check_integer("trials", trials, 1)
    if budget is not None:
        check_number("budget", budget, positive=True)
    listed = [series] if isinstance(series, np.ndarray) else list(series)
    rows = [checked(each, horizon) for each in listed]
    budget = BUDGET if trials is None and budget is None else budget
    return _Search(rows, horizon, trials, budget, seed, progress, watch).run()


class _SpentError(Exception):
    """The budget does not hold what comes next."""


class _Search:
    """One search: what is left of the budget, and the best so far."""

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
        self.tell = progress
        self.watch = watch
        self.began = time.process_time()
        self.tried = 0
        self.shortest = min(len(rows) for rows in series)
        self.draws = ParameterSampler(seed, self.shortest)
        self.best: tuple[float, ReservoirForecaster] | None = None

    def run(self) -> TuningResult:
        """Try the defaults, then rounds until the trials or the budget are spent."""
        default_error, usual = self._usual()
        try:
            while self.tried < self.trials:
                self._round()
        except _SpentError:
            pass
        assert self.best is not None
        error, model = self.best
        return TuningResult(model, error, usual, default_error, self.tried, self._seconds())

    def _seconds(self) -> float:
        return time.process_time() - self.began

    def _usual(self) -> tuple[float, ReservoirForecaster]:
        models: list[ReservoirForecaster] = [RobustForecaster()]
        if self.shortest >= MANY and self.trials > 1:
            models.append(ReservoirForecaster())
        usual: tuple[float, ReservoirForecaster] | None = None
        for model in models:
            if usual is not None and not self._holds(self._seconds()):
                break  # a second one costs about as much as the first
            self.tried += 1
            errors = self._errors(model, 1.0)
            own = errors.pop(0.0)
            if usual is None or own < usual[0]:
                usual = own, model
            # The pass was made for all ridges.
            found = [(error, _with(model, ridge=ridge)) for ridge, error in errors.items()]
            self._take(*min([(own, model), *found], key=lambda each: each[0]))
        assert usual is not None
        return usual

    def _take(self, error: float, model: ReservoirForecaster) -> None:
        if self.best is None or error < self.best[0]:
            self.best = error, model
            if self.tell is not None:
                self.tell(
                    f"{self.tried} tried, {self._seconds():.0f} CPU s: {error:.3g} of the error of "
                    f"persistence by {short(model)}"
                )

    def _round(self) -> None:
        """Draw, learn a part, go on with the best, and so on."""
        count = int(min(_DRAWN, self.trials - self.tried))
        rungs = _RUNGS[-1:] if self.shortest < _SHORT else _RUNGS
        near = self.best[1] if self.best and self.tried > _DRAWN else None
        drawn = [self.draws.forecaster(near) for _ in range(count)]
        for i, share in enumerate(rungs):
            scored: list[tuple[float, float, ReservoirForecaster]] = []
            for model in drawn:
                usual_cost = float(np.mean([cost for _, cost, _ in scored])) if scored else 0.0
                if not self._holds(usual_cost):
                    raise _SpentError
                self.tried += i == 0
                began = self._seconds()
                errors = self._errors(model, share)
                errors = {k: v for k, v in errors.items() if k or len(errors) == 1}
                ridge = min(errors, key=errors.__getitem__)
                found = _with(model, ridge=ridge) if ridge else model
                scored.append((errors[ridge], self._seconds() - began, found))
                if share == 1.0:
                    self._take(errors[ridge], found)
            if share == 1.0:
                return
            scored.sort(key=lambda each: each[0])
            kept = scored[: max(1, len(scored) // 3)]
            more = rungs[i + 1] / share
            while kept and not self._holds(more * sum(cost for _, cost, _ in kept)):
                kept.pop()
            drawn = [model for _, _, model in kept]
            if not drawn:
                raise _SpentError

    def _holds(self, seconds: float) -> bool:
        """Tell whether the budget holds so many more."""
        return self._seconds() + seconds <= self.budget

    def _errors(self, model: ReservoirForecaster, share: float) -> dict[float, float]:
        """Return the error by ridge, the mean over all series; tell who watches."""
        found: dict[float, list[float]] = {}
        for rows in self.series:
            first = len(rows) - max(int(_VALIDATED * len(rows)), self.horizon + 1)
            learn = max(int(share * min(first, _MOST)), model.washout + 10)
            for ridge, error in backtest_error(model, rows, first, self.horizon, learn).items():
                found.setdefault(ridge, []).append(error)
        if self.watch is not None:
            self.watch(self.tried, self._seconds())
        return {ridge: float(np.mean(errors)) for ridge, errors in found.items()}


def _with(model: ReservoirForecaster, **changed: Any) -> ReservoirForecaster:
    return type(model)(**{**model.get_params(), **changed})
