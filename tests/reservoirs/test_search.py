"""Parameter search: better forecasts, reproducible by seed."""

import numpy as np
import pytest

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.reservoirs import (
    EchoStateNetwork,
    ReservoirForecaster,
    RobustForecaster,
    backtest_error,
    tune,
)
from streamlyt.reservoirs._tuning import search
from streamlyt.reservoirs._tuning.parameter_sampler import ParameterSampler


def season(n, period=40.0, noise=0.1, seed=0):
    wave = np.sin(2 * np.pi * np.arange(n) / period) ** 3
    return (wave + noise * np.random.default_rng(seed).normal(size=n))[:, None]


def by_single_forecasts(model, rows, first, horizon):
    """The error of one forecast after another, over that of the last value at each horizon."""
    model.predict_and_learn(rows[:first])
    ends = np.unique(np.linspace(1, len(rows) - first - horizon, 32).astype(int))
    off, last = [], []
    for end in ends:
        came = rows[first + end : first + end + horizon] * model.state["factor"]
        row = rows[first + end - 1] * model.state["factor"]
        ahead = model.forecast(horizon, context=rows[: first + end]) * model.state["factor"]
        off.append(((ahead - came) ** 2).mean(axis=1))
        last.append(((row - came) ** 2).mean(axis=1))
    ratio = np.sqrt(np.array(off) / np.mean(last, axis=0))
    ratio = np.minimum(ratio, np.maximum(2.0, np.sqrt(np.array(last) / np.mean(last, axis=0))))
    return np.sqrt((ratio**2).mean())


@pytest.mark.parametrize(
    "model",
    [
        RobustForecaster(5, 40),
        ReservoirForecaster(EchoStateNetwork(60), washout=30, ridge=1e-6),
    ],
)
def test_backtest_error_matches_single_forecasts(model):
    rows = np.hstack([season(200), season(200, 25.0, seed=1)])
    found = backtest_error(model, rows, 150, 7)
    slow = by_single_forecasts(model.clone(), rows, 150, 7)
    assert found[0.0] == pytest.approx(slow, rel=1e-6)
    if model.readout == "normal_equations":
        other = ReservoirForecaster(EchoStateNetwork(60), washout=30, ridge=1e-3)
        assert found[1e-3] == pytest.approx(backtest_error(other, rows, 150, 7)[0.0], rel=1e-9)
    assert not model.state


def test_persistence_has_error_one_and_divergence_is_clipped_at_two():
    walk = np.cumsum(np.random.default_rng(2).normal(size=(300, 1)), axis=0)
    wild = ReservoirForecaster(EchoStateNetwork(30), washout=20, ridge=1e3)
    assert backtest_error(wild, walk, 200, 5)[0.0] == pytest.approx(1.0, abs=1e-3)
    diverging = ReservoirForecaster(EchoStateNetwork(60, input_scale=3.0), washout=20, ridge=0.0)
    assert 1.0 < backtest_error(diverging, walk, 80, 40)[0.0] <= 2.5


def test_search_finds_more_delays_if_the_default_has_too_few():
    said = []
    looks = []
    found = tune(
        season(300, noise=0.05),
        20,
        trials=6,
        seed=1,
        progress=said.append,
        watch=lambda tried, seconds: looks.append(tried),
    )
    assert looks == [1, 2, 3, 4, 5, 6]
    assert found.trials == 6
    assert found.error < 0.9 * found.default_error
    assert repr(found.default_model) == repr(RobustForecaster())
    assert not found.model.state
    assert said[0].startswith("1 trials, ")
    assert f"RMSE {found.error:.3g} × persistence" in said[-1]


def test_search_depends_only_on_the_seed():
    rows = season(150)
    one, again = (tune(rows, 5, trials=3, seed=3) for _ in range(2))
    assert repr(one.model) == repr(again.model)
    assert one.error == again.error
    first, second = (ParameterSampler(seed, 5000) for seed in (0, 1))
    drawn = [repr(first.forecaster(None)) for _ in range(20)]
    assert len(set(drawn)) > 15
    assert drawn[:5] != [repr(second.forecaster(None)) for _ in range(5)]


def test_only_the_best_learns_all_rows(monkeypatch):
    monkeypatch.setattr(search, "_SHORT", 100)  # the least of a trial is its washout and 10
    learnt = []

    def noted(model, rows, first, horizon, learn=None):
        learnt.append(learn)
        return backtest_error(model, rows, first, horizon, learn)

    monkeypatch.setattr(search, "backtest_error", noted)
    tune(season(200), 5, trials=10, seed=0)
    assert learnt == [150] + [30] * 9 + [50] * 3 + [150]


def test_several_series_share_one_model():
    found = tune([season(200, 30.0), season(150, 30.0, seed=5)], 10, trials=2)
    assert found.error < 1


def test_a_small_budget_returns_the_default():
    found = tune(season(200), 5, budget=1e-3)
    assert found.trials == 1
    assert repr(found.model) == repr(found.default_model) == repr(RobustForecaster())
    assert found.error == found.default_error


def test_a_second_default_needs_budget_and_each_is_reported_once():
    rows = season(1200)
    said = []
    found = tune(rows, 5, budget=1e-3, progress=said.append)
    assert found.trials == 1
    found = tune(rows, 5, trials=2, progress=said.append)
    assert found.trials == 2
    assert len({line.split()[0] for line in said[1:]}) == len(said) - 1


def test_drawn_parameters_are_in_range():
    draws = ParameterSampler(0, 100_000)
    for best in (None, RobustForecaster(1, 5), ReservoirForecaster(), ReservoirForecaster()):
        for _ in range(100):
            model = draws.forecaster(best)
            if isinstance(model, RobustForecaster):
                assert model.n_delays >= 1
                assert model.n_components >= 5
            else:
                assert 0 < model.reservoirs.leak_rate <= 1
                assert model.reservoirs.n_components <= 2044
    few = ParameterSampler(0, 300)
    assert all(few.forecaster(None).n_delays <= 37 for _ in range(50))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.zeros((100, 0)), "must have shape"),
        (np.zeros(100), "must have shape"),
        (season(59), "needs at least 60 rows, got 59"),
        (np.zeros((100, 1)), "channels must not be constant"),
        (np.where(np.arange(100) == 7, np.nan, np.arange(100.0))[:, None], "in row 7"),
    ],
)
def test_unusable_rows_are_rejected(rows, said):
    with pytest.raises(DataError, match=said):
        tune(rows, 5, trials=1)


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"budget": 0.0}, {"seed": -1}])
def test_parameters_out_of_range_are_rejected(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        tune(season(100), 5, **wrong)
    with pytest.raises(ParameterError, match="horizon"):
        tune(season(100), 0)
