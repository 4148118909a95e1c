"""Prediction intervals: coverage on unseen rows, without state changes."""

import warnings

import numpy as np
import pytest

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.evaluate import interval_score
from streamlyt.reservoirs import NVAR, EchoStateNetwork, ReservoirForecaster
from streamlyt.reservoirs._forecasting.calibration import Calibration
from streamlyt.reservoirs._forecasting.prediction_intervals import calibrated, min_origins
from streamlyt.systems import Lorenz
from tests._arrays import assert_all

LORENZ = Lorenz(seed=5).sample(3500)


def noisy_rows(n, seed):
    """A linear series of two channels with noise, of which no more can be known."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n, 2))
    for t in range(1, n):
        rows[t] = rows[t - 1] @ [[0.9, 0.2], [-0.2, 0.9]] + rng.normal(size=2)
    return rows


def looped(rows):
    """A loop that runs nowhere: its kicks stay as they are."""
    return lambda kick=None: rows if kick is None else rows + kick


def linear(**parameters):
    return ReservoirForecaster(
        NVAR(1, order=1), **{"washout": 20, "ridge": 1e-6, "calibration_rows": 400, **parameters}
    )


def test_intervals_of_a_noisy_series_have_nominal_coverage_per_horizon():
    model = linear(calibration_rows=1000)
    rows = noisy_rows(6000, 0)
    model.predict_and_learn(rows[:3000])
    held = np.zeros((8, 2))
    starts = range(3000, 5980, 20)
    for start in starts:
        found = model.forecast_interval(8, context=rows[start - 40 : start])
        truth = rows[start : start + 8]
        held += (found.lower <= truth) & (truth <= found.upper)
    # 100 moments leave the coverage a standard deviation of 3 per cent, few channels or many.
    np.testing.assert_allclose(held.mean(axis=1) / len(starts), 0.9, atol=0.07)


def test_interval_width_follows_the_noise():
    model = linear(calibration_rows=2000)
    model.predict_and_learn(noisy_rows(8000, 1))
    found = model.forecast_interval(3)
    step = np.array([[0.9, 0.2], [-0.2, 0.9]])
    cov, power = np.zeros((2, 2)), np.eye(2)
    for h in range(3):
        cov += power.T @ power
        power = power @ step
        half = (found.upper - found.lower)[h] / 2
        np.testing.assert_allclose(half, 1.645 * np.sqrt(np.diag(cov)), rtol=0.35)


def test_an_interval_matches_a_hand_computed_quantile():
    rng = np.random.default_rng(2)
    main, earlier = rng.normal(size=(4, 1, 2)), rng.normal(size=(4, 30, 2))
    truth = earlier + rng.normal(size=earlier.shape)
    truth[2:, 25:] = np.nan
    truth[3, 5:] = np.nan
    found = calibrated(looped(earlier), truth, 0.9, 1.0, 0).around(looped(main), main)
    error = np.abs(earlier - truth)
    # Kicks stay as they are here, so that all loops have one scale.
    for h, count in ((0, 30), (1, 30), (2, 25)):
        quantile = np.sort(error[h, :count], axis=0)[int(np.ceil(0.9 * (count + 1))) - 1]
        np.testing.assert_allclose(found.upper[h], main[h, 0] + quantile)
        np.testing.assert_allclose(found.lower[h], main[h, 0] - quantile)
    assert_all(np.isnan, found.upper[3])  # five moments cannot tell nine tenths
    assert found.n_origins == 30


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_valid_time_is_the_first_step_whose_median_error_exceeds_the_limit(coverage):
    rng = np.random.default_rng(6)
    earlier = rng.normal(size=(12, 31, 2))
    growth = np.linspace(0.1, 1.2, 12)[:, None, None]
    error = growth * rng.normal(size=earlier.shape)
    main = np.zeros((12, 1, 2))
    # Kicks stay as they are, so that all loops have one scale, and the expected error is the
    # median over the origins of the length of the error, in the scales of the two channels.
    scale = np.sqrt((error[0] ** 2).mean(axis=0))
    expected = np.median(np.sqrt((error**2).mean(axis=2)), axis=1)
    assert scale.shape == (2,)
    for spread in (0.5, 1.5, 4.0):
        found = calibrated(looped(earlier), earlier + error, coverage, spread**2, 0)
        valid = found.around(looped(main), main).valid_steps
        assert valid == np.flatnonzero(np.append(expected, np.inf) > 0.4 * spread)[0]


def test_diverged_loops_make_the_interval_infinite():
    main, earlier = np.zeros((3, 1, 1)), np.zeros((3, 20, 1))
    earlier[1:, :10] = np.nan
    found = calibrated(looped(earlier), np.ones((3, 20, 1)), 0.9, 1.0, 0).around(looped(main), main)
    assert_all(np.isfinite, found.upper[0])
    assert_all(np.isinf, found.upper[1:])
    assert_all(np.isinf, found.lower[1:])


def test_lorenz_intervals_follow_the_error_and_the_valid_time():
    model = ReservoirForecaster(EchoStateNetwork(300), calibration_rows=600)
    model.predict_and_learn(LORENZ[:2800])
    found = model.forecast_interval(600)
    truth = LORENZ[2800:3400]
    known = np.isfinite(found.upper).all(axis=1)
    inside = (found.lower <= truth) & (truth <= found.upper)
    assert inside[known][:200].mean() > 0.8
    width = (found.upper - found.lower).mean(axis=1)
    assert width[150] > 10 * width[0]
    assert 50 < found.valid_steps < 600
    # So far that a band of one width misses: where neither does, both score their mean width.
    n = 400
    flat = np.full(truth[:n].shape, width[:n].mean() / 2)
    rows = found.point[:n]
    ours = interval_score(truth[:n], found.lower[:n], found.upper[:n], 0.9).mean()
    assert ours < 0.95 * interval_score(truth[:n], rows - flat, rows + flat, 0.9).mean()


def test_intervals_do_not_change_the_state_and_match_the_saved_one():
    one = ReservoirForecaster(
        EchoStateNetwork(40), washout=20, ridge=1e-8, input_noise=1e-3, calibration_rows=150
    )
    other = one.clone()
    for start in range(0, 900, 45):
        one.predict_and_learn(LORENZ[start : start + 45])
    other.predict_and_learn(LORENZ[:900])
    before = pack(one.state)
    first = one.forecast_interval(30, 0.8)
    assert pack(one.state) == before == pack(other.state)
    other.state = unpack(before)
    again = other.forecast_interval(30, 0.8)
    np.testing.assert_array_equal(again.upper, first.upper)
    np.testing.assert_array_equal(again.point, one.forecast(30))


def test_the_ring_has_the_newest_rows_and_the_lag_did_not_learn_them():
    kept = Calibration(50, 10)
    rows = np.arange(400.0)[:, None]
    state = {"learnt": np.array(0), **kept.start(rows[:10], np.zeros((1, 1)))}
    for learnt in range(0, 384, 16):
        kept.keep(rows[10 + learnt : 26 + learnt], learnt, state)
        state["learnt"] = np.array(learnt + 16)
        kept.solved(np.full((1, 1), float(learnt + 16)), learnt + 16, state)
        newest, first = kept.kept(state, 1)
        total = 26 + learnt
        np.testing.assert_array_equal(newest, rows[max(0, total - 110) : total])
        lag = int(state["lag.weights"][0, 0])
        assert newest[first, 0] >= 10 + lag  # what follows the first moment is newer than the lag
        assert learnt < 150 or 48 <= learnt + 16 - lag <= 130


def test_a_diverging_loop_warns_and_keeps_the_state():
    model = linear(target_type="value", ridge=0.0)
    grown = 1.05 ** np.arange(120.0)[:, None]
    model.predict_and_learn(grown)
    before = pack(model.state)
    with pytest.warns(RuntimeWarning, match=r"closed loop diverged after \d+ steps"):
        ahead = model.forecast(2000)
    assert_all(np.isnan, ahead[-1])
    assert_all(np.isfinite, ahead[0])
    assert pack(model.state) == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.forecast(3)


def test_invalid_requests_are_rejected():
    model = linear()
    rows = noisy_rows(600, 3)
    with pytest.raises(DataError, match=r"needs 20 learned rows \(the washout\)"):
        model.forecast_interval(3)
    model.predict_and_learn(rows[:25])
    with pytest.raises(DataError, match="this coverage needs at least 29 rows, got 25"):
        model.forecast_interval(3)
    model.predict_and_learn(rows[25:])
    for coverage in (0.0, 1.0, 90):
        with pytest.raises(ParameterError, match=r"coverage must be in \(0, 1\)"):
            model.forecast_interval(3, coverage)
    with pytest.raises(ParameterError, match="horizon"):
        model.forecast_interval(0)
    without = linear(calibration_rows=0)
    without.predict_and_learn(rows)
    assert "recent" not in without.state
    with pytest.raises(ParameterError, match="calibration must be positive for intervals"):
        without.forecast_interval(3)


@pytest.mark.parametrize(("coverage", "fewest"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.99, 99)])
def test_min_origins_match_the_quantile(coverage, fewest):
    assert min_origins(coverage) == fewest


def test_a_constant_channel_has_a_zero_width_interval():
    model = linear()
    rows = np.hstack([noisy_rows(500, 4)[:, :1], np.full((500, 1), 7.0)])
    model.predict_and_learn(rows)
    found = model.forecast_interval(4)
    np.testing.assert_allclose(found.upper[:, 1], 7.0)
    np.testing.assert_array_less(found.lower[:, 0] + 1, found.upper[:, 0])
