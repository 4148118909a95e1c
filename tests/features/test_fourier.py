import math

import numpy as np
import pytest
from scipy import stats

from streamlyt.features import FourierMap
from streamlyt.features._base.orthogonal import rotations, unitaries
from streamlyt.features._kernels.gram_schmidt import orthogonalise
from tests.features import naive

POINTS = np.random.default_rng(6).normal(size=(5, 20)) / np.sqrt(20)
POINTS[1] = 0.9 * POINTS[0] + 0.2 * POINTS[1]
PAIRS = np.triu_indices(5, 1)


def estimates(construction, runs=200, m=512):
    products = []
    for seed in range(runs):
        phi = FourierMap(m, construction=construction, seed=seed, dtype="float64")(POINTS)
        products.append((phi @ phi.T)[PAIRS])
    return np.array(products)


@naive.compiled_only
def test_dense_features_have_the_kernel_and_the_variance():
    features = FourierMap(512)
    kernel = features.kernel(POINTS, POINTS)[PAIRS]
    variance = features.variance(POINTS, POINTS)[PAIRS] / 512
    found = estimates("dense")
    np.testing.assert_array_less(
        np.abs(found.mean(axis=0) - kernel), 4 * np.sqrt(variance / len(found))
    )
    assert np.mean(found.var(axis=0, ddof=1) / variance) == pytest.approx(1, abs=0.1)


@naive.compiled_only
def test_structured_features_have_the_documented_bias_and_less_variance():
    features = FourierMap(512)
    kernel = features.kernel(POINTS, POINTS)[PAIRS]
    variance = features.variance(POINTS, POINTS)[PAIRS] / 512
    found = estimates("structured")
    bias = kernel * (2 * np.log(kernel)) ** 2 / (4 * 64)
    error = 4 * found.std(axis=0) / np.sqrt(len(found))
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - kernel), error + 1.5 * bias)
    assert np.mean(found.var(axis=0) / variance) < 0.8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("construction", ["dense", "structured"])
def test_features_have_length_one(construction, dtype):
    phi = FourierMap(514, construction=construction, dtype=dtype)(100 * POINTS)
    np.testing.assert_allclose(np.linalg.norm(phi.astype(float), axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("d", "m", "width"), [(5, 70, 64), (64, 5002, 64), (2100, 9000, 4096)])
def test_structured_loop_matches_the_explicit_matrices(d, m, width):
    features = FourierMap(m, scale=0.4, construction="structured", dtype="float64", seed=3)
    values = np.random.default_rng(d).normal(size=(3, d))
    projections = naive.fourier_projections(values, features, width)
    expected = np.hstack([np.cos(projections), np.sin(projections)]) * math.sqrt(2 / m)
    np.testing.assert_allclose(features(values), expected, atol=1e-12)


def test_single_precision_cosines_are_accurate_to_their_argument():
    # A dense map of one channel: the projections are known exactly.
    features = FourierMap(200, construction="dense")
    double = FourierMap(200, construction="dense", dtype="float64")
    for size in (1e-3, 1.0, 30.0, 1000.0):
        values = size * np.linspace(-1, 1, 1001)[:, None]
        error = 10 * np.abs(features(values) - double(values)).max()
        assert error < 3e-7 + 4 * size * 2e-7


def test_a_seed_gives_a_fixed_map():
    values = np.array([[0.5, -1.0, 2.0, 0.25, 1.5]])
    for construction, golden in GOLDEN.items():
        phi = FourierMap(100, seed=11, construction=construction)(values)
        assert phi[0, [0, 1, 50, 99]].tolist() == pytest.approx(golden, abs=2e-7)


def test_orthogonal_rows_are_orthogonal_in_blocks_and_have_gaussian_lengths():
    matrix = gaussian_rows(rotations, 5, 100)
    for start in (0, 40, 80):
        block = matrix[:, start : start + 40]
        lengths = np.linalg.norm(block, axis=0)
        np.testing.assert_allclose(block.T @ block, np.diag(lengths**2), atol=1e-10)
    squares = (gaussian_rows(rotations, 6, 4000) ** 2).sum(axis=0)
    assert stats.kstest(squares, "chi2", (40,)).pvalue > 0.001
    assert stats.kstest(gaussian_rows(rotations, 7, 4000).ravel(), "norm").pvalue > 0.001


def test_unitary_blocks_are_unitary_and_have_gaussian_lengths():
    real, imaginary, lengths = unitaries(5, 40, 100)
    directions = real + 1j * imaginary
    for block in (directions[:, :40], directions[:, 40:80], directions[:, 80:]):
        np.testing.assert_allclose(block.conj().T @ block, np.eye(block.shape[1]), atol=1e-12)
    assert lengths.shape == (100,)
    entries = gaussian_rows(unitaries, 6, 1200)
    assert stats.kstest(2 * (np.abs(entries) ** 2).sum(axis=0), "chi2", (80,)).pvalue > 0.001
    for part in (entries.real, entries.imag):
        assert stats.kstest(np.sqrt(2) * part.ravel(), "norm").pvalue > 0.001


@pytest.mark.parametrize(("parts", "d", "k"), [(1, 40, 33), (1, 5, 5), (2, 70, 70), (2, 9, 4)])
def test_columns_are_orthogonalized_in_order(parts, d, k):
    columns = np.random.default_rng(d).normal(size=(parts, d, k))
    entries = columns[0] if parts == 1 else columns[0] + 1j * columns[1]
    expected, triangle = np.linalg.qr(entries)
    expected = expected * (np.diagonal(triangle) / np.abs(np.diagonal(triangle)))
    orthogonalise(columns)
    np.testing.assert_allclose(columns[0], expected.real, atol=1e-11)
    if parts == 2:
        np.testing.assert_allclose(columns[1], expected.imag, atol=1e-11)


def gaussian_rows(draw, seed, rows):
    *parts, lengths = draw(seed, 40, rows)
    return (parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]) * lengths


GOLDEN = {
    "orthogonal": [0.123117968, -0.046597164, -0.069584228, 0.015026],
    "tiles": [-0.091611549, -0.117750935, -0.107737295, 0.099553995],
    "structured": [0.088943601, 0.063208751, 0.109950155, 0.13549535],
    "dense": [-0.091611549, -0.117750935, -0.107737295, 0.099553995],
}
