"""Our forecasters in river: its own checks, numbers and dictionaries, pickles, refused rows."""

import math
import pickle

import numpy as np
import pytest
from river import evaluate, metrics, time_series
from river.checks import yield_checks

from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.integrations.river import Forecaster
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import Lorenz

ROWS = Lorenz(seed=4).sample(900)
MODELS = [Forecaster(), Forecaster(ReservoirForecaster(EchoStateNetwork(30), washout=10))]
CHECKS = [(model, check) for model in MODELS for check in yield_checks(model)]


def name(value):
    return getattr(value, "__name__", type(value).__name__)


def small():
    return ReservoirForecaster(EchoStateNetwork(60), washout=50, ridge=1e-10)


def fed(model, rows):
    for row in rows.tolist():
        model.learn_one(dict(zip("xyz", row, strict=True)))
    return model


@pytest.mark.parametrize(("model", "check"), CHECKS, ids=name)
def test_wrapper_passes_the_checks_of_river(model, check):
    check(model.clone())


@pytest.mark.bits
def test_rows_one_by_one_equal_rows_at_once():
    ours = small()
    ours.predict_and_learn(ROWS[:777])
    face = fed(Forecaster(small()), ROWS[:300])
    face.forecast(2)  # what waits is learnt, and nothing else changes
    fed(face, ROWS[300:777])
    expected = [dict(zip("xyz", row, strict=True)) for row in ours.forecast(9).tolist()]
    assert face.forecast(9) == expected


def test_numbers_are_forecast_as_numbers():
    ours, face = small(), Forecaster(small())
    ours.predict_and_learn(ROWS[:400, :1])
    for value in ROWS[:400, 0].tolist():
        face.learn_one(value, {"month": 3})
    ahead = face.forecast(4, [{"month": 4}] * 4)
    assert ahead == ours.forecast(4)[:, 0].tolist()
    assert all(type(value) is float for value in ahead)


def test_before_the_washout_the_last_row_is_the_forecast():
    face = Forecaster(small())
    with pytest.raises(DataError, match="at least one learned row"):
        face.forecast(1)
    face.learn_one(3)
    face.learn_one(5)
    assert face.forecast(2) == [5.0, 5.0]


def test_a_pickle_resumes_and_a_clone_starts_empty():
    one = fed(Forecaster(small()), ROWS[:333])
    other = pickle.loads(pickle.dumps(one))
    assert fed(other, ROWS[333:400]).forecast(5) == fed(one, ROWS[333:400]).forecast(5)
    assert fed(one.clone(), ROWS[:100]).forecast(3) == fed(
        Forecaster(small()), ROWS[:100]
    ).forecast(3)
    with pytest.raises(StateError, match="version 1, got 9"):
        one.__setstate__({**one.__getstate__(), "_version": 9})


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ({"x": 1.0, "y": 2.0}, "must have the names of the first row"),
        ({"x": 1.0, "y": 2.0, "w": 3.0}, "must have the names of the first row"),
        (1.0, "must stay a dictionary"),
        ({"x": 1.0, "y": math.nan, "z": 0.0}, "got nan for 'y'"),
        ({"x": 1.0, "y": math.inf, "z": -math.inf}, "got inf for 'y'"),
        ({"x": 1.0, "y": "2", "z": 0.0}, "got '2' for 'y'"),
    ],
)
def test_a_wrong_row_is_rejected_without_a_state_change(y, said):
    face = fed(Forecaster(small()), ROWS[:100])
    with pytest.raises(DataError, match=said):
        face.learn_one(y)
    assert fed(face, ROWS[100:200]).forecast(2) == fed(Forecaster(small()), ROWS[:200]).forecast(2)


def test_values_of_any_size_and_order_are_learned():
    face = Forecaster(small())
    face.learn_one({"a": 1e308, "b": 1e308, "c": 1})
    face.learn_one({"c": 2, "a": np.float32(0.5), "b": True})
    assert face.forecast(1) == [{"a": 0.5, "b": 1.0, "c": 2.0}]


def test_wrong_models_and_horizons_are_rejected():
    with pytest.raises(ParameterError, match="model must be a forecaster"):
        Forecaster(3)
    with pytest.raises(ParameterError, match="echo_state_network"):
        Forecaster("echo_state_network")
    for horizon in (0, -1, 1.5):
        with pytest.raises(ParameterError, match="horizon must be"):
            fed(Forecaster(small()), ROWS[:60]).forecast(horizon)


def test_river_evaluation_runs_with_it():
    series = [({}, value) for value in ROWS[:300, 0].tolist()]
    found = evaluate.evaluate(series, Forecaster(small()), metrics.MAE(), horizon=3)
    assert isinstance(found, time_series.HorizonMetric)
    assert len(found.metrics) == 3
    assert found.metrics[0].get() < 2.0
