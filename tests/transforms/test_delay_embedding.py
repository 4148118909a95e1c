"""Delay embedding: its rows written plainly, and periods that are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.numerics.periodicity import period, shapes
from streamlyt.operator_checks import check_operator
from streamlyt.transforms import DelayEmbedding
from tests._arrays import assert_same_bits


def stream(rows):
    schema = Schema.of(*(f"x{j}" for j in range(rows.shape[1])))
    return Batch("", np.arange(len(rows)) * 10, rows, schema)


def plainly(values, width, lags, spread):
    """Return the shapes, window by window."""
    block = max(1, round(width / lags))
    found = []
    for end in range(width, len(values) + 1):
        window = values[end - width : end]
        starts = np.round(np.linspace(0, width - block, lags)).astype(int)
        lagged = np.array([window[start : start + block].mean() for start in starts])
        own = lagged.std()
        found.append((lagged - lagged.mean()) / (own + 0.05 * spread))
    return np.array(found)


@pytest.mark.parametrize(("width", "lags"), [(24, 16), (40, 5), (2, 2), (33, 16)])
def test_rows_are_the_values_at_even_lags_without_level_and_spread(width, lags):
    values = np.random.default_rng(0).normal(size=90).cumsum()
    expected = plainly(values, width, lags, values.std())
    np.testing.assert_allclose(shapes(values, width, lags=lags), expected, atol=1e-12)
    np.testing.assert_array_equal(
        shapes(values, width, stride=3, lags=lags), shapes(values, width, lags=lags)[::3]
    )
    out, _ = DelayEmbedding(width, lags).update(stream(values[:, None]))
    np.testing.assert_allclose(
        out.values, plainly(values, width, lags, values[:width].std()), atol=1e-12
    )
    assert out.times.tolist() == [10 * row for row in range(width - 1, 90)]


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_shapes_know_neither_level_nor_unit(level, unit):
    values = np.random.default_rng(1).normal(size=80)
    np.testing.assert_allclose(shapes(unit * values + level, 20), shapes(values, 20), atol=1e-6)


@pytest.mark.bits
def test_the_width_is_the_longest_period_of_the_first_rows_for_every_cut():
    t = np.arange(1500)
    rows = np.column_stack([np.sin(2 * np.pi * t / 40), np.sin(2 * np.pi * t / 100)])
    rows += 0.1 * np.random.default_rng(0).normal(size=rows.shape)
    whole, _ = DelayEmbedding().update(stream(rows))
    assert whole.times[0] == pytest.approx(990, abs=20)
    one, parts = DelayEmbedding(), []
    for start, stop in pairwise([0, 1, 300, 511, 512, 513, 900, 1500]):
        parts.append(one.update(stream(rows).slice(start, stop))[0].values)
    assert_same_bits(np.concatenate(parts), whole.values)
    check_operator(DelayEmbedding(), stream(rows))


@pytest.mark.parametrize("n", [300, 1200])
@pytest.mark.parametrize("turn", [9, 25, 60])
@pytest.mark.parametrize("wave", [np.sin, lambda x: np.sign(np.sin(x)), lambda x: (x / 6.3) % 1])
def test_a_period_is_found_in_noise(n, turn, wave):
    rows = wave(2 * np.pi * (np.arange(n) + 0.5) / turn)
    rows = rows + 0.3 * rows.std() * np.random.default_rng(0).normal(size=n)
    assert period(rows) == pytest.approx(turn, abs=max(1, 0.03 * turn))


@pytest.mark.parametrize("rows", [[], [1.0], [2.0] * 50, [1e300, -1e300] * 40])
def test_a_period_is_a_number_for_any_rows(rows):
    assert 8 <= period(np.array(rows)) <= 20


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"dimension": 1}, "dimension must be at least 2"),
        ({"window_rows": 8}, "at least dimension=16"),
    ],
)
def test_parameters_out_of_range_are_rejected(given, match):
    with pytest.raises(ParameterError, match=match):
        DelayEmbedding(**given)


def test_missing_values_and_other_channel_counts_are_rejected():
    with pytest.raises(DataError, match="finite"):
        DelayEmbedding(20).update(stream(np.array([[1.0], [np.nan]])))
    one = DelayEmbedding(20)
    one.update(stream(np.zeros((5, 2))))
    with pytest.raises(DataError, match="must stay 2"):
        one.update(stream(np.zeros((5, 3))))
