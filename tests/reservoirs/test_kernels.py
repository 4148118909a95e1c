"""Compiled loops against naive references."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from streamlyt.core.numerics.hadamard import hadamard_transform
from streamlyt.reservoirs import NVAR, EchoStateNetwork
from streamlyt.reservoirs._kernels.reservoir import ACTIVATIONS, _tanh, read_rows
from tests._arrays import assert_all, assert_same_bits
from tests.reservoirs import naive

ROWS = np.random.default_rng(0).normal(size=(40, 3))


def states(reservoir, rows=ROWS):
    return reservoir.run(rows[:, None], reservoir.start(1, rows.shape[1]))[:, 0]


@pytest.mark.parametrize("m", [16, 64, 1024, 2048, 8192])
def test_transform_is_a_hadamard_matrix_with_rows_in_some_order(m):
    x = np.random.default_rng(m).normal(size=m)
    out = hadamard_transform(x.copy(), np.empty(m), m.bit_length() - 1)
    order = naive.transform_order(m)
    assert sorted(order) == list(range(m))
    np.testing.assert_allclose(out, (hadamard(m) @ x)[order], atol=1e-11)


@pytest.mark.parametrize("m", [16384, 32768])
def test_long_transform_is_its_own_inverse_up_to_order(m):
    order = naive.transform_order(m)
    x = np.random.default_rng(m).normal(size=m)
    plain = np.empty(m)
    plain[order] = hadamard_transform(x.copy(), np.empty(m), m.bit_length() - 1)
    back = np.empty(m)
    back[order] = hadamard_transform(plain, np.empty(m), m.bit_length() - 1)
    np.testing.assert_allclose(back / m, x, atol=1e-12)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 2e-7), ("float64", 4e-16)])
def test_tanh_is_exact_to_rounding(dtype, error):
    x = np.concatenate([np.linspace(-30, 30, 20001), [0.0, 1e-9, -1e-9, 1e30, -1e30]])
    x = x.astype(dtype)
    out = x.copy()
    _tanh(out)
    assert np.abs(out - np.tanh(x.astype(float))).max() < error


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("construction", ["structured", "dense", "sparse"])
def test_steps_match_the_equation(construction, activation):
    nodes = 60
    reservoir = EchoStateNetwork(
        nodes, construction=construction, activation=activation, leak_rate=0.7, seed=3
    )
    _, weights = reservoir._weights(3)
    if construction == "structured":
        whole = naive.structured_weights(weights[0], nodes)
        recurrent, feed, bias = whole[:, :nodes], whole[:, nodes : nodes + 3], weights[1]
    elif construction == "dense":
        recurrent, feed, bias = weights
    else:
        columns, values, feed, bias = weights
        recurrent = np.zeros((nodes, nodes))
        np.add.at(recurrent, (np.arange(nodes)[:, None], columns), values)
    expected = naive.echo_states(recurrent, feed, bias, activation, 0.7, ROWS)
    np.testing.assert_allclose(states(reservoir), expected, atol=1e-12)


@pytest.mark.parametrize("construction", ["structured", "dense", "sparse"])
def test_weights_have_the_given_scales(construction):
    reservoir = EchoStateNetwork(
        2000, construction=construction, spectral_radius=0.8, input_scale=0.5, bias_scale=2.0
    )
    _, weights = reservoir._weights(3)
    assert weights[-1].std() == pytest.approx(2.0, rel=0.05)
    if construction == "structured":
        signs = weights[0][0]
        np.testing.assert_allclose(np.abs(signs[:2000]) * 2048, 0.8 / np.sqrt(2000))
        np.testing.assert_allclose(np.abs(signs[2000:]) * 2048, 0.5 / np.sqrt(3))
        return
    assert weights[-2].std() == pytest.approx(0.5 / np.sqrt(3), rel=0.05)
    length = np.sqrt((weights[-3] ** 2).sum(axis=1).mean())
    assert length == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize(("delays", "skip", "order"), [(1, 1, 3), (2, 1, 2), (3, 2, 2), (2, 4, 3)])
def test_every_product_occurs_once(delays, skip, order):
    reservoir = NVAR(delays, skip=skip, order=order)
    np.testing.assert_allclose(
        states(reservoir), naive.products(ROWS, delays, skip, order), rtol=1e-13, atol=1e-15
    )
    assert reservoir.n_outputs(3) == states(reservoir).shape[1]


def test_readout_is_a_matrix_product():
    rng = np.random.default_rng(1)
    features, weights, out = rng.normal(size=(7, 100)), rng.normal(size=(3, 100)), np.empty((7, 3))
    read_rows(features, weights, out)
    np.testing.assert_allclose(out, features @ weights.T, rtol=1e-12)
    features[2, 5] = np.nan
    read_rows(features, weights, out)
    assert_all(np.isnan, out[2])
    assert_all(np.isfinite, out[[0, 1, 3]])


@pytest.mark.bits
def test_lanes_are_independent():
    rows = np.random.default_rng(2).normal(size=(20, 4, 3))
    for reservoir in (
        EchoStateNetwork(30),
        EchoStateNetwork(30, construction="dense"),
        EchoStateNetwork(30, construction="sparse"),
        NVAR(3),
    ):
        together = reservoir.run(rows, reservoir.start(4, 3))
        for lane in range(4):
            assert_same_bits(together[:, lane], states(reservoir, rows[:, lane]))


def test_single_precision_stays_near_double():
    one, two = (
        states(EchoStateNetwork(200, dtype="float32")),
        states(EchoStateNetwork(200, dtype="float64")),
    )
    assert one.dtype == np.float32
    assert 0 < np.abs(one - two).max() < 1e-4
