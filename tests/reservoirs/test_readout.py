"""Readouts against batch least squares."""

import numpy as np
import pytest

from streamlyt.reservoirs._kernels.readout import sketch_rows
from streamlyt.reservoirs._readouts.base import Gram, SquareRoot
from streamlyt.reservoirs._readouts.recursive import NLMS, RLS
from streamlyt.reservoirs._readouts.sketched import Sketch, _drawn
from tests.reservoirs import naive


def learnt(readout, features, targets, block=64):
    memory = readout.start(features.shape[1], targets.shape[1])
    for start in range(0, len(features), block):
        rows = slice(start, start + block)
        readout.absorb(features[rows].copy(), targets[rows].copy(), len(features[rows]), memory)
    return memory


@pytest.mark.parametrize("kind", [Gram, SquareRoot])
@pytest.mark.parametrize("keep", [1.0, 0.99])
def test_weights_match_the_batch_solution(kind, keep):
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(500, 20)), rng.normal(size=(500, 2))
    readout = kind(1e-4, keep)
    age = keep ** (0.5 * np.arange(499, -1, -1))[:, None]
    damping = 1e-4 * ((age * features) ** 2).sum()
    expected = naive.ridge(age * features, age * targets, damping)
    np.testing.assert_allclose(readout.solve(learnt(readout, features, targets)), expected, 1e-10)


def test_square_root_has_twice_the_digits():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(400, 12)) @ np.diag(10.0 ** -np.arange(12))
    truth = rng.normal(size=(1, 12))
    readout = SquareRoot(1e-26, 1.0)
    found = readout.solve(learnt(readout, features, features @ truth.T))
    plain = Gram(1e-26, 1.0)
    other = plain.solve(learnt(plain, features, features @ truth.T))
    scale = 10.0 ** -np.arange(12)
    assert np.abs((found - truth) * scale).max() < 1e-11
    assert np.abs((other - truth) * scale).max() > 1e3 * np.abs((found - truth) * scale).max()


@pytest.mark.parametrize("kind", [Gram, SquareRoot, Sketch, RLS, NLMS])
def test_an_untrained_readout_has_zero_weights(kind):
    readout = kind(1e-10, 1.0)
    np.testing.assert_array_equal(readout.solve(readout.start(5, 2)), np.zeros((2, 5)))


@pytest.mark.parametrize("kind", [Gram, SquareRoot])
def test_repeated_features_do_not_fail(kind):
    column = np.random.default_rng(2).normal(size=(200, 1))
    features = np.hstack([column, column, column])
    readout = kind(1e-13, 1.0)
    weights = readout.solve(learnt(readout, features, 3.0 * column))
    np.testing.assert_allclose(features @ weights.T, 3.0 * column, rtol=1e-5)


def in_blocks(readout, features, targets, block=64):
    return readout.solve(learnt(readout, features, targets, block))


@pytest.mark.parametrize("keep", [1.0, 0.99])
def test_recursive_least_squares_match_the_batch_solution(keep):
    rng = np.random.default_rng(3)
    features, targets = rng.normal(size=(500, 20)), rng.normal(size=(500, 2))
    age = keep ** (0.5 * np.arange(499, -1, -1))[:, None]
    # Its ridge is that of the first block, and is forgotten like a row before the first one.
    damping = 1e-6 * (features[:64] ** 2).sum() * keep**500
    expected = naive.ridge(age * features, age * targets, damping)
    found = in_blocks(RLS(1e-6, keep), features, targets)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_lanes_of_one_row_are_forgotten_once():
    rng = np.random.default_rng(4)
    features, targets = rng.normal(size=(128, 5)), rng.normal(size=(128, 1))
    readout = RLS(1e-6, 0.9)
    memory = readout.start(5, 1)
    readout.absorb(features, targets, 64, memory)
    age = np.repeat(0.9 ** (0.5 * np.arange(63, -1, -1)), 2)[:, None]
    damping = 1e-6 * (features**2).sum() * 0.9**64
    expected = naive.ridge(age * features, age * targets, damping)
    np.testing.assert_allclose(readout.solve(memory), expected, rtol=1e-7, atol=1e-9)


def test_least_mean_squares_step_by_a_fraction_of_the_error():
    rng = np.random.default_rng(5)
    features, targets = rng.normal(size=(70, 6)), rng.normal(size=(70, 2))
    features[10] = 0.0
    weights = np.zeros((2, 6))
    for f, y in zip(features, targets, strict=True):
        if f.any():
            weights += np.outer(0.5 * (y - weights @ f), f) / (f @ f)
    np.testing.assert_allclose(in_blocks(NLMS(0.0, 1.0), features, targets), weights, rtol=1e-12)


@pytest.mark.parametrize("wide", [10, 100, 700])
def test_a_sketch_is_least_squares_on_a_subsampled_transform(wide):
    rng = np.random.default_rng(6)
    features, targets = rng.normal(size=(300, wide)), rng.normal(size=(300, 2))
    readout = Sketch(1e-3, 1.0)
    weights = in_blocks(readout, features, targets)
    k = -(-wide // 2)
    assert readout.start(wide, 2)["gram"].shape == (k, k)
    turned, taken = _drawn(wide, k)
    size = turned.size
    order = naive.transform_order(size)
    natural = np.array(
        [[(-1.0) ** bin(i & j).count("1") for j in range(wide)] for i in order[taken]]
    )
    sketch = (features * turned[:wide]) @ natural.T
    expected = naive.ridge(sketch, targets, 1e-3 * (sketch**2).sum())
    np.testing.assert_allclose(features @ weights.T, sketch @ expected.T, atol=1e-8)


def test_a_sketch_preserves_norms():
    rng = np.random.default_rng(7)
    features = rng.normal(size=(50, 3000))
    turned, taken = _drawn(3000, 1500)
    short = np.empty((50, 1500))
    sketch_rows(features, turned, taken, short)
    np.testing.assert_allclose((short**2).sum(1), (features**2).sum(1), rtol=0.15)
