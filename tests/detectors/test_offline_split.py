"""The offline split of a short recording: its equation, its level, its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Channel, Schema
from streamlyt.core.errors import DataError
from streamlyt.detectors import offline_split


def recording(rows, key="r"):
    schema = Schema.of(*(f"x{j}" for j in range(rows.shape[1])), first_row=100, row_step=10)
    return Batch(key, np.arange(len(rows)) * 7, rows, schema)


def naive_split(rows):
    """Share of the variance that each border explains, from the two means."""
    n, full = len(rows), rows.mean(axis=0)
    total = ((rows - full) ** 2).sum()
    shares = []
    for k in range(1, n):
        gap = rows[k:].mean(axis=0) - rows[:k].mean(axis=0)
        shares.append(k * (n - k) / n * (gap**2).sum() / total)
    return int(np.argmax(shares)) + 1, max(shares)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(8, 80), st.integers(1, 4), st.integers(0, 999), st.floats(0, 5), st.booleans())
def test_the_split_explains_the_largest_share_of_the_variance(n, d, seed, step, standardise):
    rows = np.random.default_rng(seed).normal(size=(n, d)) * 10.0 ** np.arange(d)
    rows[n // 3 :] += step
    event = offline_split(recording(rows), standardise)
    change, share = naive_split(rows / rows.std(axis=0) if standardise else rows)
    assert event.statistic == pytest.approx(share, rel=1e-9)
    assert event.change_index == event.alarm_index == 100 + 10 * change
    assert event.change_time == event.alarm_time == 7 * change
    assert 0 < event.threshold < 1
    assert sum(event.contributions) <= 1 + 1e-12
    assert list(event.contributions) == sorted(event.contributions, reverse=True)


def test_a_step_is_found_with_its_channels():
    rows = np.random.default_rng(0).normal(size=(60, 8))
    rows[25:, [2, 5]] += [4.0, 3.0]
    event = offline_split(recording(rows))
    assert event.change_index == 350
    assert event.statistic > event.threshold
    assert event.channels[:2] == ("x2", "x5")


def test_groups_replace_their_channels():
    rows = np.random.default_rng(0).normal(size=(40, 4))
    rows[20:, 2:] += 5
    schema = Schema(tuple(Channel(f"a{i}", group=f"R{i // 2}") for i in range(4)))
    assert offline_split(Batch("", np.arange(40), rows, schema)).channels[0] == "R1"


def test_noise_exceeds_the_threshold_one_time_in_twenty():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(200):
        event = offline_split(recording(rng.normal(size=(50, 2))))
        found += event.statistic > event.threshold
    assert 2 <= found <= 25  # 5 % of 200 is 10, with a deviation of 3; orders within blocks add


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e170, 1e300, 1.7e308])
@pytest.mark.parametrize("standardise", [False, True])
def test_split_is_invariant_to_the_unit(size, standardise):
    rows = np.random.default_rng(2).uniform(-0.5, 0.5, size=(40, 3))
    rows[15:, 1] += 0.4
    expected = offline_split(recording(rows), standardise)
    event = offline_split(recording(rows * size), standardise)
    assert event.change_index == expected.change_index
    assert event.statistic == pytest.approx(expected.statistic, rel=1e-6)
    assert event.channels == expected.channels


@pytest.mark.parametrize("standardise", [False, True])
def test_a_constant_recording_has_no_change(standardise):
    event = offline_split(recording(np.full((30, 2), 0.1)), standardise)
    assert not event.statistic > event.threshold
    assert event.channels == ()


def test_one_channel_and_the_minimum_of_rows_suffice():
    event = offline_split(recording(np.array([[0.0], [0.1], [0], [0.1], [5], [5.1], [5], [5.1]])))
    assert event.change_index == 140


def test_fewer_rows_are_rejected():
    with pytest.raises(DataError, match="must have at least 8 rows, got 7"):
        offline_split(recording(np.zeros((7, 1))))


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_missing_value_is_rejected(missing):
    rows = np.zeros((10, 1))
    rows[3] = missing
    with pytest.raises(DataError, match="series 'r': values must be finite"):
        offline_split(recording(rows))


def test_the_seed_fixes_the_threshold_and_input_is_not_modified():
    rows = np.random.default_rng(3).normal(size=(100, 2))
    batch = recording(rows.copy())
    assert offline_split(batch, seed=4) == offline_split(batch, seed=4)
    assert offline_split(batch, seed=4).threshold != offline_split(batch, seed=5).threshold
    np.testing.assert_array_equal(batch.values, rows)
