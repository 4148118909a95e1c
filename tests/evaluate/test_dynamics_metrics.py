"""Spectra and exponents of models with known ones."""

import numpy as np
import pytest
from scipy.signal import welch

from streamlyt.core.errors import DataError
from streamlyt.evaluate import largest_lyapunov_exponent, spectrum_distance
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import Lorenz

NOISE = np.random.default_rng(0).normal(size=(3000, 2))


def test_spectra_match_welch():
    smooth = np.cumsum(NOISE, axis=0)
    shares = []
    for rows in (NOISE, smooth):
        power = welch(rows, window="hann", nperseg=128, detrend="constant", axis=0)[1]
        power[[0, -1]] *= 2.0  # a density counts these frequencies once
        shares.append(power / power.sum(axis=0))
    expected = 0.5 * np.abs(shares[0] - shares[1]).sum(axis=0).mean()
    assert spectrum_distance(NOISE, smooth, 128) == pytest.approx(expected, rel=1e-9)
    assert spectrum_distance(NOISE, NOISE) == 0.0
    assert spectrum_distance(NOISE[:1500], NOISE[1500:], 64) < 0.15
    assert spectrum_distance(NOISE, np.full_like(NOISE, np.nan)) == 1.0
    assert spectrum_distance(NOISE, 0 * NOISE) == pytest.approx(0.5)  # no power at all


def turning(horizon, after, growth):
    x, out = after[-1], []
    angle = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    for _ in range(horizon):
        x = growth * angle @ x
        out.append(x)
    return np.array(out)


@pytest.mark.parametrize("growth", [0.8, 1.1])
def test_a_linear_model_has_the_exponent_of_its_matrix(growth):
    found = largest_lyapunov_exponent(
        lambda horizon, after: turning(horizon, after, growth), NOISE, washout=1, horizon=30
    )
    assert found == pytest.approx(np.log(growth), abs=1e-5)


def test_the_exponent_of_a_model_of_lorenz_is_that_of_lorenz():
    system = Lorenz(seed=1)
    model = ReservoirForecaster(EchoStateNetwork(300))
    model.predict_and_learn(system.sample(6000))
    ahead = model.forecast(4000)
    found = largest_lyapunov_exponent(model.forecast, ahead, washout=200, horizon=300, starts=12)
    assert found / system.dt == pytest.approx(system.lyapunov_exponent, rel=0.2)
    assert spectrum_distance(Lorenz(seed=2).sample(4000), ahead) < 0.2


def test_invalid_input_is_rejected():
    with pytest.raises(DataError, match="must have equal channels"):
        spectrum_distance(NOISE, NOISE[:, :1])
    with pytest.raises(DataError, match="at least the 256 rows of a window, got 3000 and 100"):
        spectrum_distance(NOISE, NOISE[:100])
    with pytest.raises(DataError, match="at least 25 finite rows"):
        largest_lyapunov_exponent(turning, NOISE[:10], washout=5, horizon=30)
    with pytest.raises(DataError, match="use a smaller size or a longer horizon"):
        largest_lyapunov_exponent(
            lambda horizon, after: turning(horizon, after, 10.0), NOISE, washout=1, horizon=30
        )
