"""Deep reservoirs: each layer equals a single reservoir driven by the previous one."""

import numpy as np
import pytest

from streamlyt.core.batch import example_batch
from streamlyt.core.errors import ParameterError
from streamlyt.operator_checks import check_operator
from streamlyt.reservoirs import (
    NVAR,
    DeepReservoir,
    EchoStateNetwork,
    OpticalReservoir,
    ReservoirForecaster,
)
from streamlyt.systems import MackeyGlass

ROWS = np.random.default_rng(0).normal(size=(50, 2, 3))


def test_a_layer_is_driven_by_the_previous_states():
    first, second = EchoStateNetwork(30), EchoStateNetwork(20, leak_rate=0.3, seed=1)
    layers = DeepReservoir([first, second])
    found = layers.run(ROWS, layers.start(2, 3))
    below = first.run(ROWS, first.start(2, 3))
    np.testing.assert_array_equal(found[:, :, :30], below)
    np.testing.assert_array_equal(found[:, :, 30:], second.run(below, second.start(2, 30)))


@pytest.mark.parametrize(
    "reservoirs",
    [
        [EchoStateNetwork(20), EchoStateNetwork(10, dtype="float32")],
        [NVAR(2, order=1), OpticalReservoir(20)],
    ],
    ids=["echoes", "mixed"],
)
def test_layers_satisfy_the_operator_contract(reservoirs):
    check_operator(DeepReservoir(reservoirs), example_batch(100))


def test_a_forecaster_learns_from_layers():
    rows = MackeyGlass(seed=3).sample(3050)
    model = ReservoirForecaster(
        DeepReservoir([EchoStateNetwork(200), EchoStateNetwork(200, leak_rate=0.5, seed=1)])
    )
    model.predict_and_learn(rows[:3000])
    assert np.abs(model.forecast(50) - rows[3000:]).max() < 0.05


def test_invalid_layers_are_rejected():
    with pytest.raises(ParameterError, match="must be one or more reservoirs, got"):
        DeepReservoir([])
    with pytest.raises(ParameterError, match="must be one or more reservoirs, got"):
        DeepReservoir([EchoStateNetwork(10), 3])
