"""Robust scaling against a naive row-by-row implementation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.numerics.robust_scale import robust_scale
from streamlyt.operator_checks import check_operator
from streamlyt.transforms import RobustScaler
from tests._arrays import assert_all


def stream(rows):
    return Batch("", np.arange(len(rows)), rows, Schema.of(*"abcdefgh"[: rows.shape[1]]))


def naive(rows, window):
    """Each row by median and quartiles of the rows before the last renewal, the head by its own."""
    out, step = [], window // 8
    for t, row in enumerate(rows):
        known = t - t % step if t - t % step > 100 else 100
        past = rows[max(0, known - window) : known]
        low, middle, high = (np.quantile(past, q, axis=0) for q in (0.25, 0.5, 0.75))
        out.append((row - middle) / (high - low) * 1.349)
    return np.array(out)


@pytest.mark.parametrize("window", [100, 160, 800])
def test_rows_are_those_of_the_slow_twin(window):
    rows = np.random.default_rng(0).normal(size=(1000, 3)).cumsum(axis=0)
    out, _ = RobustScaler(window).update(stream(rows))
    assert out.times.tolist() == list(range(1000))
    np.testing.assert_allclose(out.values, naive(rows, window), atol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6))
def test_neither_level_nor_unit_matters(level, unit):
    rows = np.random.default_rng(1).normal(size=(400, 2))
    plain = RobustScaler(160).update(stream(rows))[0].values
    moved = RobustScaler(160).update(stream(unit * rows + level))[0].values
    np.testing.assert_allclose(moved, plain, atol=1e-5 + 1e-7 * abs(level) / unit)


def test_the_promises_of_the_house_hold():
    rows = np.random.default_rng(2).normal(size=(700, 2)).cumsum(axis=0)
    check_operator(RobustScaler(200), stream(rows))


def test_nothing_is_given_on_before_the_scale_is_known():
    operator = RobustScaler()
    rows = np.random.default_rng(3).normal(size=(130, 1))
    assert operator.update(stream(rows[:99]))[0].n_rows == 0
    assert operator.update(stream(rows[:99]).slice(0, 0))[0].n_rows == 0
    out, _ = operator.update(Batch("", [99], rows[99:100], Schema.of("a")))
    assert out.times.tolist() == list(range(100))


def test_outliers_do_not_move_the_scale_and_a_still_channel_is_zero():
    rows = np.random.default_rng(4).normal(size=(1000, 3))
    rows[::20, 0] = 1e300
    rows[:, 1] = 7.0
    rows[:, 2] = np.where(np.arange(1000) % 10 == 0, rows[:, 2], 0.0)  # mostly one value
    out = RobustScaler(400).update(stream(rows))[0].values
    assert_all(np.isfinite, out)
    usual = np.delete(out[:, 0], np.s_[::20])
    assert 0.8 < usual.std() < 1.2
    assert not out[:, 1].any()
    assert 0.5 < out[:, 2].std() < 2


def test_a_slow_drift_is_removed_and_a_jump_is_kept():
    t = np.arange(8000.0)
    rows = (0.005 * t + np.random.default_rng(5).normal(size=8000))[:, None]
    rows[6000:] += 10
    out = RobustScaler(800).update(stream(rows))[0].values[:, 0]
    assert abs(out[2000:5900]).max() < 8
    assert out[6000:6200].mean() > 5
    assert abs(out[7500:].mean()) < 3


@pytest.mark.parametrize("rows", [[[np.nan]], [[np.inf]]])
def test_a_missing_value_is_rejected(rows):
    with pytest.raises(DataError, match="values must be finite"):
        RobustScaler().update(stream(np.array(rows)))


def test_invalid_parameters_and_channel_counts_are_rejected():
    with pytest.raises(ParameterError, match="window must be at least 100 rows, got 99"):
        RobustScaler(99)
    operator = RobustScaler()
    operator.update(stream(np.zeros((1, 2))))
    with pytest.raises(DataError, match="channels must stay 2"):
        operator.update(stream(np.zeros((1, 3))))


def test_the_robust_scale_of_normal_rows_is_their_deviation():
    rows = np.random.default_rng(6).normal(5, 2, size=(100_000, 1))
    centre, spread = robust_scale(rows)
    assert centre == pytest.approx(5, abs=0.03)
    assert spread == pytest.approx(2, rel=0.02)
