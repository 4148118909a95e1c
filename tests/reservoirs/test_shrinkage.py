"""Shrinkage of forecasts by a factor fitted to earlier ones."""

import numpy as np
import pytest

from streamlyt.reservoirs import RobustForecaster
from streamlyt.reservoirs._forecasting.closed_loop import forecast_origins
from streamlyt.reservoirs._forecasting.shrinkage import ShrunkForecast, shrinkage_factor


def cases(slope, moments=100_000, horizon=3):
    """Forecasts beside what came, which went the share ``slope`` of the way, and noise."""
    rng = np.random.default_rng(0)
    last = rng.normal(size=(moments, 2))
    went = rng.normal(size=(horizon, moments, 2)) * np.array([1.0, 10.0, 0.1])[:, None, None]
    came = (
        slope * went
        + 0.3 * rng.normal(size=went.shape) * np.abs(went).mean(axis=(1, 2))[:, None, None]
    )
    return last + went, last, last + came


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_shrinkage_factor_is_least_squares_for_many_origins(slope):
    assert shrinkage_factor(*cases(slope), 1.0) == pytest.approx(slope, abs=0.01)


def test_few_origins_change_little():
    ahead, last, truth = cases(0.0, moments=5)
    assert 0.5 < shrinkage_factor(ahead, last, truth, 1.0) < 0.9
    assert shrinkage_factor(ahead[:, :0], last[:0], truth[:, :0], 1.0) == 1.0
    assert shrinkage_factor(np.stack([last] * 3), last, truth, 1.0) == 1.0  # it never went anywhere


def test_unknown_rows_do_not_count_and_diverged_loops_count_against():
    ahead, last, truth = cases(1.0, moments=200)
    part = truth.copy()
    part[:, 150:] = np.nan
    known = shrinkage_factor(ahead[:, :150], last[:150], truth[:, :150], 1.0)
    assert shrinkage_factor(ahead, last, part, 1.0) == pytest.approx(known, abs=0.05)
    left = ahead.copy()
    left[:, ::2] = np.nan
    assert shrinkage_factor(left, last, truth, 50.0) < 0.2
    assert 0.0 <= shrinkage_factor(-ahead, last, truth, 1.0) < 0.2


def test_a_shrunk_loop_lies_between_persistence_and_itself():
    last = np.array([[1.0], [2.0]])
    rows = np.array([[[3.0], [np.nan]]])
    hedged = ShrunkForecast(lambda kick=None: rows if kick is None else rows + kick, last, 0.25)()
    np.testing.assert_array_equal(hedged, [[[1.5], [np.nan]]])
    kicked = ShrunkForecast(lambda kick=None: rows if kick is None else rows + kick, last, 0.25)(
        last
    )
    np.testing.assert_array_equal(kicked[0, 0], [1.75])


def test_a_forecast_is_shrunk_by_the_factor_of_earlier_origins():
    rng = np.random.default_rng(4)
    rows = np.sin(0.3 * np.arange(260))[:, None] + rng.normal(size=(260, 1))
    model = RobustForecaster(5, 30, calibration_rows=60)
    model.predict_and_learn(rows)
    state, horizon = model.state, 4
    kept, first = model._calibration.kept(state, 0)
    right = whole = 0.0
    paths = []
    for end in np.unique(np.linspace(first, len(kept) - 1, 100).astype(int)):
        moment = forecast_origins(model._drive, kept[:end], np.array([end]))
        loop = model._loops_from(moment, state["lag.weights"], horizon, np.array([end]))
        ahead = loop()[:, 0, 0]
        paths.append((ahead - kept[end - 1, 0], kept[end : end + horizon, 0] - kept[end - 1, 0]))
    for h in range(horizon):
        went = np.array([p[h] for p, t in paths if len(t) > h])
        came = np.array([t[h] for p, t in paths if len(t) > h])
        right += went @ came / (came**2).mean()
        whole += went @ went / (came**2).mean()
    share = (right + 10 * whole / len(paths)) / (whole + 10 * whole / len(paths))
    assert 0.2 < share < 0.98
    loop = model._unscaled(
        model._loops_from(model._origins(None), model._current(), horizon)()[:, 0]
    )
    np.testing.assert_allclose(
        model.forecast(horizon), rows[-1] + share * (loop - rows[-1]), rtol=1e-8
    )
    np.testing.assert_array_equal(model.forecast_interval(horizon).point, model.forecast(horizon))


def test_the_factor_is_constant_within_a_block_and_follows_the_state():
    rng = np.random.default_rng(5)
    rows = np.sin(0.3 * np.arange(660))[:, None] + rng.normal(size=(660, 1))
    model = RobustForecaster(5, 30, calibration_rows=150)
    shares = []
    model.predict_and_learn(rows[:500])
    for row in rows[500:, None]:
        model.predict_and_learn(row)
        shares.append(model._shrinkage(4))
        other = model.clone()
        other.state = {name: array.copy() for name, array in model.state.items()}
        assert other._shrinkage(4) == shares[-1]
    changed = 502 + np.flatnonzero(np.diff(shares)) - model.washout
    assert len(changed) in (2, 3)
    assert not (changed % 64).any()
