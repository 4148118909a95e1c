"""Expert weights: match the reference recursion, and are never much worse than the best."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.models import KernelClassifier, KernelRegressor
from streamlyt.models._kernels import class_mixture as classes
from streamlyt.models._kernels import hedge as experts
from tests.models.naive import hedge, probabilities


def weighed(advice, targets, cuts=()):
    k = advice.shape[1]
    logs, span, scale = np.full(k, -np.log(k)), np.zeros(2), np.zeros(2)
    for rows in np.split(np.arange(len(targets)), cuts):
        experts.weigh_rows(advice[rows], targets[rows], logs, span, scale)
    return logs, span


@given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0, 1e6), st.integers(0, 30))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_weights_match_the_reference(seed, k, scale, cut):
    rng = np.random.default_rng(seed)
    advice, targets = scale * rng.normal(size=(30, k)), scale * rng.normal(size=30)
    logs, span = weighed(advice, targets, [cut])
    part = experts.RATE, experts.SHARE, experts.REACH, experts.WORST, experts.SLOWEST
    shares, _ = hedge(advice, targets, *part)
    np.testing.assert_allclose(np.exp(logs), shares, atol=1e-9)
    assert span.tolist() == [targets.min(), targets.max()]


def test_mixture_is_the_mean_of_clipped_predictions():
    out = np.empty(1)
    advice, span = np.array([[0.5, 100.0]]), np.array([0.0, 1.0])
    experts.mix_rows(advice, np.log([0.25, 0.75]), span, out)
    assert out[0] == np.float64(0.25 * 0.5 + 0.75 * 1.5)


def test_perfect_experts_and_constant_targets_stay_finite():
    logs, _ = weighed(np.ones((50, 3)), np.ones(50))
    np.testing.assert_allclose(np.exp(logs), 1 / 3)


def test_weight_moves_to_the_best_expert():
    rng = np.random.default_rng(0)
    x, walk = rng.normal(size=(800, 2)), np.cumsum(rng.normal(size=800))
    model = KernelRegressor()
    assert np.isclose(sum(model.expert_weights.values()), 1)
    model.learn(x, walk)
    assert model.expert_weights["last"] + model.expert_weights["step"] > 0.9
    model = KernelRegressor()
    model.learn(x, rng.normal(size=800))
    assert model.expert_weights["mean"] > 0.5
    model = KernelRegressor()
    model.learn(x, np.sin(3 * x[:, 0]))
    assert model.expert_weights["narrow"] > 0.5


def test_probabilities_and_weights_follow_bayes_rule():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(0.3, 0.5, size=(1, 2, 3)), np.array([1])
    logs, seen = np.log([0.3, 0.25, 0.2, 0.15, 0.1]), np.array([2.0, 1.0, 1.0])
    sharpness, kept = np.array([[5.0, 0.0], [3.0, 0.0]]), np.array([1.0, 3.0])
    together, curvature = np.array([2.0, 1.5]), np.array([[1.5, 0.2], [0.2, 2.0]])
    frequent = (seen + 1 / 3) / 5
    last = np.array([0.0, frequent[1], frequent[2]])
    last *= (1 - 0.4) / last.sum()
    last[0] = 0.4  # it repeated 1 time of 3: 2 of 5 by Laplace's rule
    bounded = np.clip(scores[0], -2, 2)
    summed = np.exp(together @ bounded)
    summed /= summed.sum()
    part = [probabilities(scores[0, e], sharpness[e, 0]) for e in range(2)]
    part += [summed, last, frequent]
    out = np.empty((1, 3))
    classes.mix_classes(scores, sharpness, together, logs, seen, 0, kept, out)
    shares = np.exp(logs)
    np.testing.assert_allclose(out[0], shares @ np.array(part))
    expected = shares * np.array(part)[:, 1]
    expected = (1 - classes.SHARE) * expected / expected.sum() + classes.SHARE / 5
    slower, prior = 1 - classes.SLOWEST, classes.SLOWEST * classes.PRIOR * np.eye(2)
    apart = bounded - (bounded @ summed)[:, None]
    bent = slower * curvature + prior + (summed * apart) @ apart.T
    moved = together + np.linalg.solve(bent, apart[:, 1])
    memory = sharpness, together, curvature, logs, seen, 0, kept
    assert classes.weigh_classes(scores, labels, *memory) == 1
    np.testing.assert_allclose(np.exp(logs), expected)
    np.testing.assert_allclose(together, moved)
    np.testing.assert_allclose(curvature, bent)
    assert seen.tolist() == [2, 2, 1]
    assert kept.tolist() == [1, 4]
    for e, first in enumerate((5.0, 3.0)):
        s, p = bounded[e], part[e]
        bent = p @ s**2 - (p @ s) ** 2
        assert np.isclose(sharpness[e, 0], first + (s[1] - p @ s) / (bent + classes.FEW))


def test_weighted_sum_learns_what_no_single_expert_can():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 3000))
    labels = (parts.sum(axis=0) > 0).astype(int)
    scores = np.zeros((3000, 2, 2))
    scores[:, :, 1] = 0.5 * parts.T  # each expert sees one part of the sum
    memory = np.tile([5.0, 0.0], (2, 1)), np.full(2, 2.5), np.eye(2), np.log(np.full(5, 0.2))
    classes.weigh_classes(scores, labels, *memory, np.zeros(2), -1, np.zeros(2))
    assert np.exp(memory[3])[2] > 0.9
    np.testing.assert_array_less(5, memory[1])


def test_a_repeating_class_is_predicted():
    labels = np.repeat(np.arange(20) % 2, 50).astype(float)
    model = KernelClassifier()
    model.learn(np.random.default_rng(0).normal(size=(1000, 2)), labels)
    assert model.probabilities(np.zeros((1, 2)))[0, 1] > 0.9
