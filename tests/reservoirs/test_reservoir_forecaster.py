"""Reservoir forecaster: contract, batch solution, closed loops without state changes."""

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump, load
from streamlyt.connectors import FileSource
from streamlyt.core import Batch, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.operator_checks import check_operator
from streamlyt.reservoirs import NVAR, EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import Lorenz, Lorenz96
from tests._arrays import assert_all, assert_same_bits
from tests.reservoirs import naive

LORENZ = Lorenz(seed=5).sample(3500)


def small(**parameters):
    """A forecaster that learns from the rows of the checks."""
    return ReservoirForecaster(EchoStateNetwork(40), **{"washout": 20, "ridge": 1e-8, **parameters})


@pytest.mark.parametrize(
    "reservoir", [EchoStateNetwork(40), EchoStateNetwork(30, dtype="float32"), NVAR(3, order=2)]
)
def test_reservoir_satisfies_the_operator_contract(reservoir):
    check_operator(reservoir, example_batch(200))


@pytest.mark.parametrize(
    "model",
    [
        small(),
        small(input_noise=1e-2),
        small(forgetting_factor=0.99, target_type="value", readout="qr"),
        small(readout="sketch"),
        small(readout="rls", forgetting_factor=0.99),
        small(readout="nlms"),
        small(patch_size=1, halo=1.0),
        small(patch_size=1, halo=1.0, boundary="open", input_noise=1e-3),
        ReservoirForecaster(
            (EchoStateNetwork(20), NVAR(2, order=2)), washout=20, ridge=1e-8, max_refit_interval=100
        ),
    ],
    ids=["plain", "noise", "forgetting", "sketch", "rls", "nlms", "patches", "open", "two"],
)
def test_forecaster_satisfies_the_operator_contract(model):
    check_operator(model, example_batch(300))


def features_by_hand(model, rows):
    """Standard rows, and features after each, from the reservoir alone."""
    head = rows[: model.washout]
    u = (rows - head.mean(axis=0)) / head.std(axis=0)
    reservoir = model.reservoirs
    states = reservoir.run(u[:, None], reservoir.start(1, u.shape[1]))[:, 0]
    return u, np.hstack([np.ones((len(u), 1)), u, states])


@pytest.mark.parametrize("readout", ["normal_equations", "qr"])
@pytest.mark.parametrize("target", ["increment", "value"])
@pytest.mark.parametrize("rows", [200 + 640, 200 + 701])
def test_forecast_matches_the_batch_solution(readout, target, rows):
    model = ReservoirForecaster(
        EchoStateNetwork(100, seed=1), readout=readout, target_type=target, ridge=1e-9
    )
    series = LORENZ[:rows]
    model.predict_and_learn(series)
    u, features = features_by_hand(model, series)
    seen = features[model.washout - 1 : -1]
    answers = u[model.washout :]
    if target == "increment":
        answers = answers - u[model.washout - 1 : -1]
    weights = naive.ridge(seen, answers, 1e-9 * (seen**2).sum())
    ahead = features[-1] @ weights.T + (u[-1] if target == "increment" else 0.0)
    head = series[: model.washout]
    expected = head.mean(axis=0) + ahead * head.std(axis=0)
    np.testing.assert_allclose(model.forecast(1)[0], expected, rtol=1e-8)


def test_a_closed_loop_is_driven_by_its_predictions():
    model = small()
    model.predict_and_learn(LORENZ[:1000])
    ahead = model.forecast(5)
    for step in range(1, 5):
        again = model.forecast(5 - step, context=np.vstack([LORENZ[:1000], ahead[:step]]))
        np.testing.assert_allclose(again, ahead[step:], rtol=1e-10)


def test_a_forecast_does_not_change_the_state_at_any_row():
    one, other = small(input_noise=1e-3), small(input_noise=1e-3)
    for row in range(20, 400, 37):
        model_rows = LORENZ[(row - 37) * (row > 20) : row]
        one.predict_and_learn(model_rows)
        other.predict_and_learn(model_rows)
        before = pack(one.state)
        first = one.forecast(30)
        assert pack(one.state) == before
        np.testing.assert_array_equal(one.forecast(30), first)
        assert first.shape == (30, 3)
    assert pack(one.state) == pack(other.state)


@pytest.mark.bits
def test_a_saved_state_forecasts_the_same_bits():
    model = small(input_noise=1e-3)
    model.predict_and_learn(LORENZ[:777])
    copy = small(input_noise=1e-3)
    copy.state = unpack(pack(model.state))
    assert_same_bits(copy.forecast(50), model.forecast(50))
    assert_same_bits(
        copy.predict_and_learn(LORENZ[777:900]), model.predict_and_learn(LORENZ[777:900])
    )
    assert pack(copy.state) == pack(model.state)


def test_a_forecast_after_a_state_assignment_uses_that_state():
    model = small()
    model.predict_and_learn(LORENZ[:333])
    kept = unpack(pack(model.state))
    first = model.forecast(10)
    other = small()
    other.predict_and_learn(LORENZ[1000:1333])
    other.forecast(10)
    other.state = kept
    np.testing.assert_array_equal(other.forecast(10), first)


def test_lorenz_is_forecast_for_ten_lyapunov_times():
    model = ReservoirForecaster()
    predicted = model.predict_and_learn(LORENZ[:3000])
    assert np.abs(predicted[2500:] - LORENZ[2500:3000]).max() < 0.01
    steps = int(6 / 0.906 / 0.02)
    assert np.abs(model.forecast(steps) - LORENZ[3000 : 3000 + steps]).max() < 3.0


def test_forgetting_follows_changed_dynamics():
    new = Lorenz(rho=35.0, seed=1).sample(2500)
    rows = np.vstack([LORENZ[:2500], new])
    errors = {}
    for forgetting_factor in (1.0, 0.995):
        model = ReservoirForecaster(
            EchoStateNetwork(100),
            forgetting_factor=forgetting_factor,
            max_refit_interval=64,
            ridge=1e-10,
        )
        predicted = model.predict_and_learn(rows)
        errors[forgetting_factor] = np.abs(predicted - rows)[-500:].mean()
    assert errors[0.995] < 0.7 * errors[1.0]


def test_patches_are_reservoirs_over_their_windows():
    field = Lorenz96(sites=12).sample(700)
    model = small(patch_size=3, halo=2.0, spacing=0.5)
    predicted = model.predict_and_learn(field)
    turned = small(patch_size=3, halo=2.0, spacing=0.5)
    # A ring turned by whole patches is the same field; sums over the patches change their order.
    again = turned.predict_and_learn(np.roll(field, 6, axis=1))
    np.testing.assert_allclose(np.roll(again, -6, axis=1), predicted, rtol=1e-6, atol=1e-6)
    assert model.state["features"].shape == (4, 1 + (3 + 4 + 4) + 40)


def test_an_open_boundary_is_padded_with_zeros():
    field = Lorenz96(sites=12).sample(700)
    model = small(patch_size=4, halo=1.0, boundary="open")
    model.predict_and_learn(field)
    first, last = model.state["features"][0], model.state["features"][-1]
    assert first[1] == 0.0
    assert last[6] == 0.0
    assert (model.state["features"][1][1:7] != 0).all()


def test_a_field_needs_patches():
    field = Lorenz96(sites=20, dt=0.02, seed=3).sample(1550)
    errors = {}
    for patch in (None, 2):
        model = ReservoirForecaster(NVAR(1, order=2), patch_size=patch, halo=2.0, ridge=1e-12)
        model.predict_and_learn(field[:1500])
        errors[patch] = np.abs(model.forecast(30) - field[1500:1530]).mean()
    assert errors[2] < 0.2 * errors[None]


def test_a_constant_channel_stays_constant():
    rows = np.hstack([LORENZ[:900], np.full((900, 1), 7.0)])
    model = small()
    predicted = model.predict_and_learn(rows)
    np.testing.assert_allclose(predicted[1:, 3], 7.0, atol=1e-6)
    np.testing.assert_allclose(model.forecast(20)[:, 3], 7.0, atol=1e-3)


@pytest.mark.parametrize("factor", [1e-150, 1e12, 1e150])
def test_results_do_not_depend_on_units(factor):
    plain, scaled = small(), small()
    expected = plain.predict_and_learn(LORENZ[:600])
    found = scaled.predict_and_learn(LORENZ[:600] * factor) / factor
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_diverging_closed_loop_stops_and_warns():
    rows = np.exp(0.02 * np.arange(400))[:, None]
    model = small(washout=50)
    model.predict_and_learn(rows)
    before = pack(model.state)
    with pytest.warns(RuntimeWarning, match="closed loop diverged after"):
        ahead = _explode(model)
    assert pack(model.state) == before
    assert_all(np.isnan, ahead[-1])
    assert_all(np.isfinite, ahead[0])


def _explode(model):
    growing = np.zeros_like(model.state["weights"])
    growing[:, 1] = 0.05  # of the input itself: each row a twentieth more than the one before
    model._newest = model.state, int(model.state["learnt"]), growing
    return model.forecast(5000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReservoirForecaster(washout=9), "washout must be an integer of at least 10"),
        (
            lambda: ReservoirForecaster(forgetting_factor=0.0),
            r"forgetting_factor must be in \(0, 1\], got 0.0",
        ),
        (lambda: ReservoirForecaster(ridge=-1.0), "ridge must be a finite number"),
        (lambda: ReservoirForecaster(target_type="next"), "target_type must be one of"),
        (lambda: ReservoirForecaster([]), "reservoirs must be a reservoir or several, got"),
        (lambda: ReservoirForecaster(3), "reservoirs must be a reservoir or several, got 3"),
        (lambda: EchoStateNetwork(leak_rate=0.0), r"leak_rate must be in \(0, 1\], got 0.0"),
        (lambda: EchoStateNetwork(activation="sin"), "activation must be one of"),
        (lambda: NVAR(30, order=4).n_outputs(3), "products must be at most 20000"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_invalid_rows_are_rejected():
    model = small(washout=200)
    with pytest.raises(DataError, match=r"needs 200 learned rows .* got 0"):
        model.forecast(10)
    model.predict_and_learn(LORENZ[:150])
    with pytest.raises(DataError, match=r"needs 200 learned rows .* got 150"):
        model.forecast(10)
    model.predict_and_learn(LORENZ[150:400])
    with pytest.raises(ParameterError, match="horizon must be an integer of at least 1, got 0"):
        model.forecast(0)
    with pytest.raises(DataError, match="number of channels must stay 3"):
        model.predict_and_learn(np.zeros((4, 2)))
    with pytest.raises(DataError, match=r"context must have at least 200 finite rows .* got 100"):
        model.forecast(3, context=LORENZ[:100])
    with pytest.raises(DataError, match=r"context must have shape \(n, 3\)"):
        model.forecast(3, context=np.zeros((300, 2)))
    with pytest.raises(
        DataError, match=r"patch_size must divide .* \(3\), got 2; use one of \[1, 3\]"
    ):
        small(patch_size=2).predict_and_learn(LORENZ[:100])
    hole = Batch("a", [0], [[1.0, np.nan, 2.0]], Schema.of("x", "y", "z"))
    with pytest.raises(DataError, match="values must be finite, got nan in channel 'y'"):
        model.update(hole)


def test_a_state_of_other_parameters_is_rejected_by_name():
    model = small()
    model.predict_and_learn(LORENZ[:100])
    for other, message in (
        (
            ReservoirForecaster(EchoStateNetwork(41), washout=20, ridge=1e-8),
            "n_components was 40 and is 41;",
        ),
        (
            ReservoirForecaster(EchoStateNetwork(40, seed=2), washout=20, ridge=1e-8),
            "seed was 0 and is 2;",
        ),
        (small(ridge=1e-6), "ridge was 1e-08 and is 1e-06;"),
        (small(readout="qr"), "readout was 'normal_equations' and is 'qr';"),
        (ReservoirForecaster(NVAR(2), washout=20, ridge=1e-8), "was EchoStateNetwork and is NVAR;"),
    ):
        other.state = unpack(pack(model.state))
        with pytest.raises(StateError, match=message):
            other.predict_and_learn(LORENZ[100:200])
        with pytest.raises(StateError, match=message):
            other.forecast(3)


def test_a_reservoir_rejects_a_state_of_other_parameters():
    one, other = EchoStateNetwork(20), EchoStateNetwork(20, leak_rate=0.5)
    one.update(example_batch(30))
    other.state = one.state
    with pytest.raises(StateError, match=r"leak_rate was 1.0 and is 0.5; use those of the saved"):
        other.update(example_batch(30))


def test_predictions_are_appended_per_channel():
    batch = Batch("a", np.arange(50), LORENZ[:50], Schema.of("x", "y", "z"))
    out, events = small().update(batch)
    assert out.schema.channel_names == ("x", "y", "z", "x.predicted", "y.predicted", "z.predicted")
    assert events == []
    assert_all(np.isnan, out.values[0, 3:])
    np.testing.assert_array_equal(out.values[1:20, 3:], LORENZ[:19])


def test_a_pipeline_file_names_forecasters_and_several_reservoirs(tmp_path):
    np.save(tmp_path / "a.npy", LORENZ[:20])
    source = FileSource(tmp_path / "a.npy")
    pair = [EchoStateNetwork(50, spectral_radius=0.7), NVAR(2, order=2)]
    for model in (small(), ReservoirForecaster(pair, ridge=1e-6), ReservoirForecaster()):
        spec = load(dump(source, [model]))
        assert list(spec.operators) == ["reservoir_forecaster"]
        assert dump(spec.source, spec.operators) == dump(source, [model])
    wrong = dump(source, [small()]).replace("leak_rate = 1.0", "leak_rate = 'much'")
    with pytest.raises(ParameterError, match=r"reservoirs\.leak_rate must be float"):
        load(wrong)
