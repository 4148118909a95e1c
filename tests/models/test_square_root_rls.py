"""Square-root least squares: exact, also in blocks and over long runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.models import RLS, KernelRegressor
from streamlyt.models._experts.square_root_rls import SquareRootRLS
from streamlyt.models._kernels.square_root_rls import absorb_row
from tests._arrays import assert_all, assert_same_bits
from tests.models.naive import ridge


def rows(n, m, k=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, m)), rng.normal(size=(n, k))


@pytest.mark.parametrize("forget", [1.0, 0.99, 0.8])
@pytest.mark.parametrize("m", [1, 2, 7, 24])
def test_weights_match_the_qr_solution(m, forget):
    features, targets = rows(150, m, 2)
    root = SquareRootRLS(forget, 0.3)
    memory = root.start(m, 2)
    root.follow(memory, features, targets)
    weights, upper = ridge(features, targets, forget, 0.3)
    np.testing.assert_allclose(memory["weights"].T, weights, atol=1e-10)
    inverse = np.linalg.inv(upper.T @ upper)
    spread = np.einsum("ij,jk,ik->i", features, inverse, features)
    np.testing.assert_allclose(root.spread(memory, features), spread, rtol=1e-9)


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=6),
    st.sampled_from([(13, 1.0), (13, 0.9), (40, 0.999), (40, 0.99), (64, 0.9)]),
    st.integers(1, 3),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_blocks_match_the_row_loop(sizes, kind, k):
    m, forget = kind
    features, targets = rows(sum(sizes), m, k)
    root = SquareRootRLS(forget, 0.1)
    loop, blocks = root.start(m, k), root.start(m, k)
    root.follow(loop, features, targets)
    start = 0
    for size in sizes:
        root.learn(blocks, features[start : start + size], targets[start : start + size])
        start += size
    probe, _ = rows(5, m, seed=1)
    pairs = [
        (root.predict(loop, probe), root.predict(blocks, probe)),
        (root.spread(loop, probe), root.spread(blocks, probe)),
        (loop["noise"][1:], blocks["noise"][1:]),
    ]
    for one, other in pairs:
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)
    root.follow(loop, probe, targets[:5] if sum(sizes) >= 5 else np.zeros((5, k)))
    root.follow(blocks, probe, targets[:5] if sum(sizes) >= 5 else np.zeros((5, k)))
    np.testing.assert_allclose(blocks["weights"], loop["weights"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("forget", [1.0, 0.999, 0.99, 0.9])
def test_blocks_of_many_weights_are_taken_and_match_the_row_loop(forget):
    # A turn of the pulls has 64 / (pulls per row) rows, which are 32 or more: above the 24 from
    # which a block is taken, so that this compares the blocks and not the loop with itself.
    features, targets = rows(400, 64, 2)
    root = SquareRootRLS(forget, 0.1)
    loop, blocks = root.start(64, 2), root.start(64, 2)
    root.follow(loop, features, targets)
    for start in (0, 150, 300):
        root.learn(blocks, features[start : start + 150], targets[start : start + 150])
        assert blocks["counts"].tolist() == [min(start + 150, 400), 1]  # 1: left by a block
    for name in ("weights", "anchors", "noise"):
        np.testing.assert_allclose(blocks[name][-2:], loop[name][-2:], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(root.spread(blocks, features), root.spread(loop, features), 1e-8)


def test_robust_learning_in_blocks_matches_the_row_loop():
    features, targets = rows(200, 5)
    targets[150] = 1e6
    root = SquareRootRLS(1.0, 0.1, huber_k=2.0)
    loop, blocks = root.start(5), root.start(5)
    root.follow(loop, features, targets)
    root.learn(blocks, features, targets)
    assert_same_bits(blocks, loop)


@pytest.mark.bits
def test_predictions_come_before_learning():
    features, targets = rows(40, 6)
    root = SquareRootRLS(0.95, 0.1)
    memory, reference = root.start(6), root.start(6)
    part = root.follow(memory, features, targets)
    for i in range(40):
        assert part[i] == root.predict(reference, features[i : i + 1])
        root.follow(reference, features[i : i + 1], targets[i : i + 1])
    assert_same_bits(memory, reference)


def test_large_errors_count_linearly():
    features, targets = rows(200, 5)
    targets[150] = 1e6
    root = SquareRootRLS(1.0, 0.1, huber_k=2.0)
    memory = root.start(5)
    part, weights, median = root.follow(memory, features, targets), np.ones(200), 0.0
    for i, error in enumerate(np.abs(targets - part)[:, 0]):
        if i > 1 and error > 2 * 1.4826 * median:
            weights[i] = 2 * 1.4826 * median / error
        step = 1 + max(1 / (i + 1), 0.02)
        median = error if not median else median * step if error > median else median / step
    expected, _ = ridge(features, targets, 1.0, 0.1, weights)
    np.testing.assert_allclose(memory["weights"].T, expected, atol=1e-8)
    assert np.abs(memory["weights"]).max() < 1 < np.abs(ridge(features, targets, 1.0, 0.1)[0]).max()


@pytest.mark.parametrize("m", [5, 100])
def test_forgetting_is_stable_for_inputs_without_excitation(m):
    rng = np.random.default_rng(0)
    root, n, last = SquareRootRLS(0.99, 0.1), 30_000, 4000
    memory, given = root.start(m), np.empty((last, 1))
    for _ in range(3):
        features = rng.normal(size=(n, m)) / np.sqrt(m)
        features[:, 0] = 1.0
        features[:, 1] = 0.0
        features[:, m // 2 :] *= rng.random(size=(n, 1)) < 1e-3
        features[:, -1] = features[:, -2]
        targets = features.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(n, 1))
        root.follow(memory, features[:-last], targets[:-last])
        for at in range(0, last, m):  # cycle by cycle
            rows = slice(n - last + at, n - last + at + m)
            root.follow(memory, features[rows], targets[rows])
            given[at : at + m, 0] = np.sqrt(0.01 * 0.1 * m) * memory["anchors"][0]
    expected, _ = ridge(features[-last:], targets[-last:], 0.99, 0.1, given=given)
    np.testing.assert_allclose(memory["weights"].T, expected, atol=1e-9)


def excited_now_and_then(n, m, seed=0):
    """A constant, a column of zeros, and inputs half of which hardly ever change."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, m)) / np.sqrt(m)
    features[:, 0], features[:, 1] = 1.0, 0.0
    features[:, m // 2 :] *= rng.random(size=(n, 1)) < 3e-3
    return features, features.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(n, 1))


@pytest.mark.parametrize(("forget", "most"), [(0.9, 3.0), (0.99, 2.0), (0.999, 1.0)])
def test_many_weights_do_not_wind_up(forget, most):
    m = 300
    features, targets = excited_now_and_then(4000, m)
    root = SquareRootRLS(forget, 0.1)
    memory = root.start(m)
    part = root.follow(memory, features, targets)
    for array in memory.values():
        assert_all(np.isfinite, array)
    diagonal = memory["root"][np.cumsum(np.arange(1, m + 1)) - 1]
    np.testing.assert_array_less(0, diagonal)
    # Between two pulls the ridge of an input without excitation falls by exp(-4) at most.
    assert root.spread(memory, np.eye(m)).max() < np.exp(4.2) / 0.1
    off = np.abs(part - targets)[1000:]
    assert off.max() < most * np.abs(targets).max()


def test_undetermined_weights_keep_their_values():
    # Constant dynamics, a memory of 20 rows, 60 weights: pulled to zero, the error was 0.44.
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 60)) / np.sqrt(60)
    targets = features.sum(axis=1, keepdims=True) + 0.01 * rng.normal(size=(2000, 1))
    root = SquareRootRLS(0.95, 0.1)
    part = root.follow(root.start(60), features, targets)
    assert np.abs(part - targets)[1000:].mean() < 0.02


def test_a_forgetting_expert_does_not_harm_the_mixture():
    features, targets = excited_now_and_then(1500, 12)
    rows, expected = features[:, 1:], targets[:, 0]
    rows[:, -1] = 3.0
    bank, lasting = KernelRegressor(), RLS(kernel_width=1.0, ridge=0.1)
    off = {bank: [], lasting: []}
    for i in range(1500):
        for model, result in off.items():
            result.append(abs(model.predict(rows[i : i + 1])[0] - expected[i]))
            model.learn(rows[i : i + 1], expected[i : i + 1])
    assert np.mean(off[bank]) < 1.02 * np.mean(off[lasting])


def test_a_row_of_zeros_only_forgets():
    root = SquareRootRLS(0.9, 1.0)
    memory = root.start(3)
    gain = np.empty(3)
    assert absorb_row(memory["root"], np.zeros(3), 0, 2.0, gain) == 1.0
    assert not gain.any()
    assert memory["root"].tolist() == [2.0, 0.0, 2.0, 0.0, 0.0, 2.0]
