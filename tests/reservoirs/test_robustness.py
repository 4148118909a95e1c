"""Robustness: Huber weights of large steps, damped extrapolation."""

import numpy as np
import pytest

from streamlyt.reservoirs import RobustForecaster
from streamlyt.reservoirs._forecasting.robustness import (
    extrapolation_weight,
    huber_weights,
    init_robust_state,
    running_extrapolation_weight,
)
from tests._arrays import assert_same_bits


def test_extrapolation_weight_is_one_inside_and_falls_with_squared_distance():
    low, high = np.array([0.0, 0.0]), np.array([2.0, 10.0])
    rows = np.array([[1.0, 5.0], [3.0, 15.0], [4.0, 5.0], [1.0, -25.0]])
    np.testing.assert_allclose(extrapolation_weight(rows, low, high)[:, 0], [1, 1, 1 / 4, 1 / 25])


@pytest.mark.bits
def test_the_range_is_batch_invariant():
    rows = np.random.default_rng(0).normal(size=(40, 2)) * 3
    whole, parts = init_robust_state(rows[:10]), init_robust_state(rows[:10])
    expected = [
        extrapolation_weight(rows[i : i + 1], rows[: max(i, 9)].min(0), rows[: max(i, 9)].max(0))
        for i in range(9, 39)
    ]
    found = running_extrapolation_weight(rows[9:39], whole)
    assert_same_bits(found, np.vstack(expected))
    cut = [running_extrapolation_weight(rows[a:b], parts) for a, b in ((9, 10), (10, 25), (25, 39))]
    assert_same_bits(found, np.vstack(cut))
    assert_same_bits(whole["low"], parts["low"])


def test_a_large_step_counts_as_six_usual_ones():
    steps = np.array([[1.0], [-1.0], [60.0], [1.0]])
    state = init_robust_state(np.arange(12.0)[:, None])
    np.testing.assert_allclose(huber_weights(steps, state), [1, 1, np.sqrt(0.1), 1])
    assert 1.0 < float(state["usual"][0]) < 1.5


def test_a_constant_start_is_no_large_step():
    state = init_robust_state(np.ones((12, 1)))
    np.testing.assert_array_equal(huber_weights(np.array([[5.0]]), state), [1.0])
    assert float(state["usual"][0]) > 0


def test_after_an_outlier_the_forecast_stays_at_the_series():
    noise = np.random.default_rng(1).normal(size=600)
    rows = 100 + np.sin(np.arange(600) / 3.0) + 0.1 * noise
    rows[300:306] = 24.0
    model = RobustForecaster()
    model.predict_and_learn(rows[:350, None])
    for at in range(350, 590, 10):
        assert np.abs(model.forecast(12) - 100).max() < 8
        model.predict_and_learn(rows[at : at + 10, None])


@pytest.mark.parametrize("horizon", [1, 12, 500])
def test_a_loop_uses_the_range_of_rows_a_horizon_old(horizon):
    rows = np.random.default_rng(2).normal(size=(400, 2)).cumsum(axis=0)
    model = RobustForecaster(3, 10, calibration_rows=60)
    for start, stop in ((0, 100), (100, 130), (130, 330), (330, 400)):
        model.predict_and_learn(rows[start:stop])
        scaled = (rows - model.state["centre"]) * model.state["factor"]
        oldest = max(0, stop - len(model.state["recent"]))
        ends = np.array([stop, max(stop - 25, 60)])
        low, high = model._calibration.known(model.state, horizon, ends)
        now, _ = model._calibration.known(model.state, horizon)
        np.testing.assert_array_equal(now, low[:1])
        for i, end in enumerate(ends):
            # What is gone from the ring is one range, and the washout is always known.
            known = scaled[: max(end - horizon, oldest or model.washout - 1)]
            np.testing.assert_array_equal(low[i], known.min(axis=0))
            np.testing.assert_array_equal(high[i], known.max(axis=0))


def test_in_an_unseen_drop_the_forecast_stays():
    rows = np.random.default_rng(3).normal(size=200)
    rows[150:] -= 60.0
    model = RobustForecaster()
    model.predict_and_learn(rows[:151, None])
    for at in range(151, 160):
        assert np.abs(model.forecast(12) - rows[at - 1]).max() < 3.0
        model.predict_and_learn(rows[at : at + 1, None])
