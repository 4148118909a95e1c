"""What a read-out has learnt against least squares over all rows at once."""

import numpy as np
import pytest

from streamlyt.reservoirs._readout import Gram, SquareRoot
from tests.reservoirs import naive


def learnt(readout, features, targets, block=64):
    memory = readout.start(features.shape[1], targets.shape[1])
    for start in range(0, len(features), block):
        rows = slice(start, start + block)
        readout.absorb(features[rows].copy(), targets[rows].copy(), len(features[rows]), memory)
    return memory


@pytest.mark.parametrize("kind", [Gram, SquareRoot])
@pytest.mark.parametrize("keep", [1.0, 0.99])
def test_weights_are_those_of_all_rows_at_once(kind, keep):
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


@pytest.mark.parametrize("kind", [Gram, SquareRoot])
def test_nothing_learnt_is_weights_of_zero(kind):
    readout = kind(1e-10, 1.0)
    np.testing.assert_array_equal(readout.solve(readout.start(5, 2)), np.zeros((2, 5)))


@pytest.mark.parametrize("kind", [Gram, SquareRoot])
def test_features_that_repeat_are_no_failure(kind):
    column = np.random.default_rng(2).normal(size=(200, 1))
    features = np.hstack([column, column, column])
    readout = kind(1e-13, 1.0)
    weights = readout.solve(learnt(readout, features, 3.0 * column))
    np.testing.assert_allclose(features @ weights.T, 3.0 * column, rtol=1e-5)
