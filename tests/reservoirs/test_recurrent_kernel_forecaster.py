"""Recurrent kernel forecaster: limit of finite reservoirs, and its contract."""

import numpy as np
import pytest

from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.evaluate import valid_prediction_steps
from streamlyt.reservoirs import (
    KERNELS,
    EchoStateNetwork,
    RecurrentKernelForecaster,
    ReservoirForecaster,
)
from streamlyt.reservoirs._forecasting.kernel_recursion import KernelRecursion
from streamlyt.reservoirs._forecasting.prediction_intervals import IntervalForecast
from streamlyt.systems import Lorenz
from tests._arrays import assert_all, assert_same_bits

LORENZ = Lorenz(seed=5).sample(1100)
SCALES = {"spectral_radius": 0.8, "input_scale": 0.5, "bias_scale": 0.7}


def products_slowly(rows, activation, spectral_radius, input_scale, bias_scale):
    """The products of the states after all pairs of rows, one number after another."""
    n, d = rows.shape
    kernel = KERNELS[activation]

    def sums(states, t, s):
        before = states[t - 1, s - 1] if t and s else 0.0
        given = input_scale**2 / d * (rows[t] @ rows[s])
        return np.array([spectral_radius**2 * before + given + bias_scale**2])

    states = np.zeros((n, n))
    for t in range(n):
        p = sums(states, t, t)
        states[t, t] = kernel(p, p, p)[0]
    for t in range(n):
        for s in range(t):
            p = sums(states, t, s), sums(states, t, t), sums(states, s, s)
            states[t, s] = states[s, t] = kernel(*p)[0]
    return states


@pytest.mark.parametrize("activation", ["cos", "erf", "relu", "rbf", "modulus"])
def test_products_match_two_naive_loops(activation):
    rows = np.random.default_rng(0).normal(size=(25, 2))
    slow = products_slowly(rows, activation, **SCALES)
    law = KernelRecursion(activation, *SCALES.values(), 0.0, 2)
    sums, states = law.lengths(rows)
    found = law.after(rows, np.arange(1, 26), rows, sums)
    np.testing.assert_allclose(found.products, slow, rtol=1e-12)
    np.testing.assert_allclose(states, np.diagonal(slow), rtol=1e-12)
    np.testing.assert_allclose(found.own, np.diagonal(slow), rtol=1e-12)


def test_finite_reservoirs_converge_to_this_forecast():
    rows = LORENZ[:300]
    off = []
    for size in (61, 509):
        squares = []
        for seed in range(4):
            echo = EchoStateNetwork(size, seed=seed, **SCALES)
            finite = ReservoirForecaster(echo, ridge=1e-6, washout=20, calibration_rows=0)
            limit = RecurrentKernelForecaster(ridge=1e-6, linear_weight=1 / size, **SCALES)
            finite.predict_and_learn(rows)
            limit.predict_and_learn(rows)
            squares.append(((finite.forecast(5) - limit.forecast(5)) ** 2).mean())
        off.append(np.sqrt(np.mean(squares)))
    last = rows[-1] - LORENZ[300:305]
    assert off[1] < 0.6 * off[0]
    assert off[1] < 0.01 * np.sqrt((last**2).mean())


def test_few_rows_have_a_longer_valid_time_than_with_few_nodes():
    finite = [
        ReservoirForecaster(EchoStateNetwork(124, seed=seed), washout=20) for seed in range(3)
    ]
    held = []
    for model in (RecurrentKernelForecaster(ridge=2e-16), *finite):
        model.predict_and_learn(LORENZ[:400])
        rows = [
            valid_prediction_steps(
                LORENZ[at : at + 400],
                model.forecast(400, context=LORENZ[at - 100 : at]),
                LORENZ.var(axis=0),
            )
            for at in range(520, 700, 30)
        ]
        held.append(np.mean(rows))
    assert held[0] > 1.2 * np.mean(held[1:])


def test_intervals_have_about_nominal_coverage_and_do_not_change_the_state():
    rng = np.random.default_rng(1)
    wave = np.sin(0.4 * np.arange(700))[:, None] + 0.1 * rng.normal(size=(700, 1))
    model = RecurrentKernelForecaster(max_rows=300)
    held = []
    for at in range(200, 650, 90):
        model.predict_and_learn(wave[len(wave[:at]) - 90 if held else 0 : at])
        before = {name: array.copy() for name, array in model.state.items()}
        ahead = model.forecast_interval(20, 0.8)
        held.append(
            ((ahead.lower < wave[at : at + 20]) & (wave[at : at + 20] < ahead.upper)).mean()
        )
        assert_same_bits(model.state, before)
        np.testing.assert_array_equal(ahead.point, model.forecast(20))
    assert 0.65 < np.mean(held) < 0.95


def test_intervals_are_those_of_the_calibration_in_the_unit_of_the_rows(monkeypatch):
    class Known:
        def around(self, loop, main):
            rows = main[:, 0]
            return IntervalForecast(rows, rows - 2.0, rows + 3.0, 0.8, 5, 40)

    given = []
    monkeypatch.setattr(
        "streamlyt.reservoirs.recurrent_kernel_forecaster.calibrated",
        lambda *arguments: given.append(arguments) or Known(),
    )
    rows = 7 + 3 * np.sin(0.4 * np.arange(300))[:, None]
    model = RecurrentKernelForecaster(max_rows=200)
    model.predict_and_learn(rows)
    found = model.forecast_interval(20, 0.8)
    unit = 1 / model.state["factor"]
    np.testing.assert_allclose(found.point, model.forecast(20))
    np.testing.assert_allclose(found.point - found.lower, np.tile(2 * unit, (20, 1)))
    np.testing.assert_allclose(found.upper - found.point, np.tile(3 * unit, (20, 1)))
    [(_, truth, coverage, variance, _)] = given
    assert (truth.shape[0], coverage) == (20, 0.8)
    assert variance == pytest.approx(model.state["kept"].var())


def test_the_mixed_ridge_does_not_overfit_noise():
    walk = np.cumsum(np.random.default_rng(3).normal(size=(300, 1)), axis=0)
    predicted = RecurrentKernelForecaster().predict_and_learn(walk)
    ours = ((predicted[100:] - walk[100:]) ** 2).mean()
    assert ours < 1.1 * ((walk[99:-1] - walk[100:]) ** 2).mean()


@pytest.mark.bits
def test_state_is_bounded_and_batch_invariant():
    model, other = RecurrentKernelForecaster(max_rows=120), RecurrentKernelForecaster(max_rows=120)
    whole = model.predict_and_learn(LORENZ[:400])
    parts = [other.predict_and_learn(part) for part in np.array_split(LORENZ[:400], 37)]
    assert_same_bits(whole, np.concatenate(parts))
    assert len(model.state["kept"]) <= 120
    assert_same_bits(model.forecast(9), other.forecast(9))
    resumed = RecurrentKernelForecaster(max_rows=120)
    resumed.state = {name: array.copy() for name, array in other.state.items()}
    assert_same_bits(
        model.predict_and_learn(LORENZ[400:500]), resumed.predict_and_learn(LORENZ[400:500])
    )


def test_a_constant_channel_is_forecast_as_constant():
    rows = np.hstack([np.sin(0.3 * np.arange(100))[:, None], np.full((100, 1), 7.0)])
    model = RecurrentKernelForecaster()
    model.predict_and_learn(rows)
    np.testing.assert_allclose(model.forecast(5)[:, 1], 7.0)


def test_a_diverging_loop_warns():
    wild = RecurrentKernelForecaster("relu", ridge=1e-10)
    wild.predict_and_learn(1.1 ** np.arange(100.0)[:, None])
    with pytest.warns(RuntimeWarning, match="closed loop diverged after"):
        assert_all(np.isnan, wild.forecast(200)[-1])


def test_invalid_input_is_rejected():
    with pytest.raises(ParameterError, match="activation must be"):
        RecurrentKernelForecaster("tanh")
    growing = RecurrentKernelForecaster("relu", spectral_radius=3.0)
    with pytest.raises(
        ParameterError, match=r"spectral_radius must keep the states bounded, got 3\.0"
    ):
        growing.predict_and_learn(np.tile(LORENZ[:10], (20, 1)))
    with pytest.raises(ParameterError, match=r"four washouts \(80\), got 79"):
        RecurrentKernelForecaster(max_rows=79)
    model = RecurrentKernelForecaster()
    model.predict_and_learn(LORENZ[:20])
    with pytest.raises(DataError, match="needs 21 learned rows"):
        model.forecast(1)
    model.predict_and_learn(LORENZ[20:40])
    with pytest.raises(ParameterError, match="horizon"):
        model.forecast(0)
    with pytest.raises(DataError, match=r"coverage 0\.9 needs at least"):
        model.forecast_interval(3)
    with pytest.raises(DataError, match="at least 20 finite rows"):
        model.forecast(3, context=LORENZ[:5])
    with pytest.raises(DataError, match="must stay 3"):
        model.predict_and_learn(LORENZ[:5, :2])
    other = RecurrentKernelForecaster(ridge=1e-3)
    other.state = model.state
    with pytest.raises(StateError, match="ridge was None and is"):
        other.predict_and_learn(LORENZ[:5])
