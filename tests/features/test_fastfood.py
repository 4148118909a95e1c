import math

import numpy as np
import pytest

from streamlyt.core.numerics.counter_rng import chi_squares, complex_normals, permutation, signs
from streamlyt.features import FastfoodMap
from tests._arrays import assert_same_bits
from tests.features import naive


@pytest.mark.parametrize(("d", "m", "width"), [(5, 70, 64), (100, 5002, 128), (2100, 9000, 4096)])
def test_features_match_the_explicit_matrices(d, m, width):
    features = FastfoodMap(m, scale=0.4, dtype="float64", seed=3)
    values = np.random.default_rng(d).normal(size=(3, d))
    blocks = -(-m // 2 // width)
    padded = np.zeros((3, width))
    padded[:, :d] = 0.4 * values
    mixed = (padded * signs(3, 11, width)) @ naive.hadamard(width)
    normals = math.sqrt(2) * complex_normals(3, 12, blocks * width)[0].reshape(blocks, width)
    lengths = np.sqrt(chi_squares(3, 16, blocks * width, width)).reshape(blocks, width)
    columns = []
    for block in range(blocks):
        order = permutation(3, (1 << 20) + block, width)
        v = (mixed[:, order] * normals[block]) @ naive.hadamard(width)
        columns.append(v * lengths[block] / np.linalg.norm(normals[block]) / math.sqrt(width))
    z = naive.in_groups(np.stack(columns, axis=1), width)[:, : m // 2]
    expected = np.hstack([np.cos(z), np.sin(z)]) * math.sqrt(2 / m)
    np.testing.assert_allclose(features(values), expected, atol=1e-11)


def test_a_permutation_contains_every_number_once():
    assert sorted(permutation(1, 2, 1000)) == list(range(1000))


def test_chi_squares_have_their_distribution():
    from scipy import stats

    for degrees in (2, 64, 1024):
        drawn = chi_squares(5, 1, 20_000, degrees)
        assert stats.kstest(drawn, "chi2", (degrees,)).pvalue > 0.001
    assert_same_bits(chi_squares(5, 1, 10, 64), chi_squares(5, 1, 20_000, 64)[:10])


def test_a_seed_gives_a_fixed_map():
    phi = FastfoodMap(100, seed=11)(np.array([[0.5, -1.0, 2.0, 0.25, 1.5]]))
    assert phi[0, [0, 1, 50, 99]].tolist() == pytest.approx(GOLDEN, abs=2e-7)


GOLDEN = [0.048873618, -0.130867615, 0.132707834, -0.015352384]
