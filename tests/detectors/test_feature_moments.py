from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core.errors import ParameterError
from streamlyt.detectors._null_model.feature_moments import FeatureMomentEstimator
from streamlyt.detectors._null_model.u_statistics import product_averages, trace_averages
from tests.detectors import naive


def gathered(features, cuts=()):
    moments, state = FeatureMomentEstimator(len(features)), {}
    moments.start(state)
    for part in np.split(features, sorted(cuts)):
        moments.add(part, state)
    return moments.read(state)


def test_traces_equal_the_averages_over_all_tuples_of_distinct_rows():
    x = np.random.default_rng(0).exponential(size=(8, 3)) + 2
    ours = trace_averages(x @ x.T)
    assert ours == pytest.approx(naive.trace_averages(x), rel=1e-10)


def test_traces_do_not_depend_on_the_mean():
    x = np.random.default_rng(1).normal(size=(32, 4))
    moved = x + np.array([3.0, -1.0, 0.0, 2.0])
    assert trace_averages(moved @ moved.T) == pytest.approx(trace_averages(x @ x.T), rel=1e-10)


def test_products_equal_the_averages_over_all_tuples_of_distinct_rows():
    x = np.random.default_rng(2).exponential(size=(8, 3)) - 1
    expected = naive.product_averages(x, level=2.5)
    assert product_averages(x @ x.T, 2.5) == pytest.approx(expected, rel=1e-10)


def test_estimates_are_close_to_the_true_moments():
    # Squares of normal numbers: C = 2 I, and products of distinct rows factor over the channels.
    draws = [
        gathered(np.random.default_rng(seed).normal(size=(4096, 4)) ** 2) for seed in range(20)
    ]
    mean = {name: np.mean([asdict(draw)[name] for draw in draws]) for name in asdict(draws[0])}
    assert mean["trace"] == pytest.approx(8.0, rel=0.02)
    assert mean["trace2"] == pytest.approx(16.0, rel=0.04)
    assert mean["trace3"] == pytest.approx(32.0, rel=0.06)
    assert mean["trace4"] == pytest.approx(64.0, rel=0.1)
    assert mean["q3"] == pytest.approx(4 * 64.0, rel=0.1)  # third moment 8 each, times 8
    assert mean["u_qq"] == pytest.approx(4 * 2 * 56.0, rel=0.1)  # E (f^2 - 2) f^2 = 60 - 4
    assert mean["uu_q"] == pytest.approx(4 * 64.0, rel=0.1)
    assert mean["u2"] == pytest.approx(4 * 56.0, rel=0.1)


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.lists(st.integers(0, 224), max_size=6))
def test_estimates_are_batch_invariant(cuts):
    features = np.random.default_rng(3).random((224, 5), dtype=np.float32)
    assert gathered(features, cuts) == gathered(features)


def test_stop_removes_all_state():
    moments, state = FeatureMomentEstimator(192), {"other": np.zeros(1)}
    moments.start(state)
    moments.add(np.ones((192, 2)), state)
    assert moments.missing(state) == 0
    moments.stop(state)
    assert set(state) == {"other"}
    assert not moments.learning(state)


def test_constant_rows_have_zero_moments():
    assert set(asdict(gathered(np.full((192, 3), 0.1))).values()) == {0.0}


def test_too_short_a_reference_is_rejected():
    with pytest.raises(
        ParameterError, match="rows must be a multiple of 32 of at least 192, got 1"
    ):
        FeatureMomentEstimator(100)
    moments, state = FeatureMomentEstimator(256), {}
    moments.start(state)
    moments.add(np.ones((100, 2)), state)
    with pytest.raises(ParameterError, match="rows added must be at least 192, got 96"):
        moments.read(state)
