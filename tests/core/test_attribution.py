"""Localization and attribution of changes, against an implementation that keeps all rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import ChangeLocator, Channel
from streamlyt.core._detection.attribution import LISTED, SLOTS
from tests._arrays import assert_all


def remembered(rows, chunk, parts=1):
    history = ChangeLocator(chunk)
    state = history.start(rows[0])
    for some in np.array_split(np.arange(len(rows)), parts):
        history.add(rows[some], some * 5 + 1000, state)
    return history, state


def naive_locate(rows, chunk, latest):
    """Border with the largest sum of scores, computed from all rows."""
    n = len(rows)
    first = max(0, (n - 1) // chunk - SLOTS + 1) * chunk
    kept = rows[first:]
    best = (-np.inf, first, np.zeros(rows.shape[1]))
    for border in range(first + chunk, n, chunk):
        if border > latest:
            break
        one, two = kept[: border - first], kept[border - first :]
        mean0, mean1 = one.mean(axis=0), two.mean(axis=0)
        sigma2 = (len(one) * one.var(axis=0) + len(two) * two.var(axis=0)) / len(kept)
        step = (mean1 - mean0) ** 2 / sigma2
        spread = (two.var(axis=0) - one.var(axis=0)) ** 2 / (2 * sigma2**2)
        scores = len(one) * len(two) / len(kept) * (step + spread)
        if scores.sum() > best[0]:
            best = (scores.sum(), border, scores)
    return best[1], best[2]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    n=st.integers(4, 400),
    d=st.integers(1, 4),
    chunk=st.integers(1, 5),
    parts=st.integers(1, 6),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_change_is_located_as_from_all_rows(n, d, chunk, parts, seed, data):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) * 10.0 ** np.arange(-d, 0) + 50
    rows[n // 2 :, 0] += 0.5
    latest = data.draw(st.integers(0, n - 1))
    history, state = remembered(rows, chunk, min(parts, n))
    change, time, strength = history.locate(state, latest)
    expected, scores = naive_locate(rows, chunk, latest)
    np.testing.assert_allclose(strength, scores, rtol=1e-6, atol=1e-6)
    assert change == expected
    assert time == 1000 + 5 * change
    assert change <= max(latest, (max(0, (n - 1) // chunk - SLOTS + 1)) * chunk)


def test_state_is_bounded_and_resolution_is_a_64th_of_it():
    rows = np.random.default_rng(0).normal(size=(20_000, 2))
    rows[19_700:] += 3
    history, state = remembered(rows, chunk=8)
    size = sum(array.nbytes for array in state.values())
    change, _, _ = history.locate(state, latest=19_990)
    assert abs(change - 19_700) <= 8
    history.add(rows, np.arange(20_000), state)
    assert sum(array.nbytes for array in state.values()) == size


def test_change_of_variance_alone_is_located():
    rows = np.random.default_rng(1).normal(size=(300, 2))
    rows[260:, 1] *= 4
    history, state = remembered(rows, chunk=2)
    # 64 chunks of 2 rows: the last 128 rows are kept, and the change is among them.
    change, _, strength = history.locate(state, latest=290)
    assert abs(change - 260) <= 6
    assert strength[1] > 20 * strength[0]


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_unit_does_not_matter(size):
    rows = np.random.default_rng(2).normal(size=(120, 3)) + 4
    rows[80:, 2] += 2
    expected = remembered(rows, 2)
    history, state = remembered(rows * size, 2)
    change, _, strength = history.locate(state, latest=110)
    expected_change, _, scores = expected[0].locate(expected[1], latest=110)
    assert change == expected_change
    np.testing.assert_allclose(strength, scores, rtol=1e-6)


def test_scores_stay_finite_with_extreme_outliers():
    rows = np.random.default_rng(3).normal(size=(100, 2))
    rows[50:, 0] = 1.7e308
    rows[70, 1] = -1.7e308
    history, state = remembered(rows, 1)
    _, _, strength = history.locate(state, latest=90)
    assert_all(np.isfinite, strength)


def test_constant_column_has_no_contribution():
    rows = np.random.default_rng(4).normal(size=(100, 2))
    rows[:, 0] = 0.1
    rows[60:, 1] += 3
    history, state = remembered(rows, 1)
    change, _, strength = history.locate(state, latest=90)
    assert abs(change - 60) <= 1
    assert history.contributions(strength, (Channel("a"), Channel("b"))) == (("b",), (1.0,))


def test_chunks_of_an_earlier_change_are_excluded():
    rows = np.random.default_rng(5).normal(size=(200, 1)) * 0.1
    rows[100:] += 5  # the larger step, already reported
    rows[180:] += 1
    history, state = remembered(rows, 8)
    assert history.locate(state, latest=199)[0] in (96, 104)
    history.exclude_before(110, state)
    assert history.locate(state, latest=199)[0] in (176, 184)
    history.exclude_before(500, state)
    assert history.locate(state, latest=199)[0] == 192  # the last chunk: nothing else is left


def test_too_few_rows_for_a_border_give_the_first_row_and_no_contributions():
    history, state = remembered(np.ones((1, 2)), 4)
    change, time, strength = history.locate(state, latest=0)
    assert (change, time) == (0, 1000)
    assert history.contributions(strength, (Channel("a"), Channel("b"))) == ((), ())


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.integers(1, 8))
def test_contributions_are_ordered_fractions_of_the_total(strength, groups):
    channels = tuple(
        Channel(f"c{i}", group=f"g{i % groups}" if i % 2 else "") for i in range(len(strength))
    )
    names, shares = ChangeLocator.contributions(np.array(strength), channels)
    assert len(names) == len(shares) <= LISTED
    assert len(set(names)) == len(names)
    assert sum(shares) <= 1 + 1e-9
    assert list(shares) == sorted(shares, reverse=True)
    assert all(share > 0 for share in shares)
    assert bool(names) == (max(strength) > 2)
    assert set(names) <= {channel.group or channel.name for channel in channels}


def test_channels_of_a_group_are_summed():
    channels = tuple(Channel(f"c{i}", group="g" if i < 2 else "") for i in range(3))
    assert ChangeLocator.contributions(np.array([12.0, 12, 22]), channels) == (
        ("g", "c2"),
        (0.5, 0.5),
    )
