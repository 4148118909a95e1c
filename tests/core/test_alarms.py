"""The alarm machine against its sentence in plain Python, and its properties."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import AlarmPolicy
from streamlyt.core.errors import ParameterError

LEVELS = st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0, 1.1, 3.0]), max_size=60)
POLICIES = st.builds(
    AlarmPolicy,
    min_consecutive=st.integers(1, 4),
    release_ratio=st.sampled_from([0.25, 0.5, 1.0]),
    merge_gap=st.integers(0, 6),
)


def naive_follow(levels, policy):
    """Hot rows and onsets of a statistic whose threshold is 1, by looking back at every row."""
    hot, onsets = [], []
    for i, level in enumerate(levels):
        above = 0
        while above <= i and levels[i - above] > 1:
            above += 1
        if hot and hot[-1]:
            hot.append(level >= policy.release_ratio)
            continue
        hot.append(above >= policy.min_consecutive)
        earlier = [j for j in range(i) if hot[j]]
        if hot[-1] and (not earlier or i - earlier[-1] > policy.merge_gap):
            onsets.append((i, i - above + 1))
    return [float(each) for each in hot], onsets


@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES)
def test_the_machine_is_its_sentence(levels, policy):
    hot, onsets = policy.apply(np.array(levels), np.ones(len(levels)), policy.initial_state())
    expected_hot, expected_onsets = naive_follow(levels, policy)
    assert hot.tolist() == expected_hot
    assert onsets == expected_onsets


@pytest.mark.bits
@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES, st.lists(st.integers(0, 60), max_size=5))
def test_cuts_change_nothing(levels, policy, cuts):
    statistic, threshold = np.array(levels), np.ones(len(levels))
    whole = policy.apply(statistic, threshold, policy.initial_state())
    memory, hot, onsets = policy.initial_state(), [], []
    ends = sorted({0, len(levels), *(cut for cut in cuts if cut < len(levels))})
    for start, stop in pairwise(ends):
        part, found = policy.apply(statistic[start:stop], threshold[start:stop], memory)
        hot += part.tolist()
        onsets += [(row + start, crossed) for row, crossed in found]
    assert (hot, onsets) == (whole[0].tolist(), whole[1])


def test_an_unknown_threshold_is_never_crossed():
    statistic = np.array([1e300, np.inf, 0.0])
    hot, onsets = AlarmPolicy().apply(statistic, np.full(3, np.inf), AlarmPolicy().initial_state())
    assert not hot.any()
    assert not onsets


def test_a_spell_that_only_dips_is_one_event():
    policy = AlarmPolicy(release_ratio=0.5)
    statistic = np.array([0, 2, 0.6, 2, 0.6, 0.4, 2.0])
    _, onsets = policy.apply(statistic, np.ones(7), policy.initial_state())
    assert onsets == [(1, 1), (6, 6)]


def test_a_spell_soon_after_belongs_to_the_event_before_it():
    statistic = np.array([2.0, 0, 0, 2, 0, 0, 0, 2])
    _, onsets = AlarmPolicy(merge_gap=3).apply(
        statistic, np.ones(8), AlarmPolicy(merge_gap=3).initial_state()
    )
    assert onsets == [(0, 0), (7, 7)]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"min_consecutive": 0}, "min_consecutive must be at least 1 row, got 0"),
        ({"release_ratio": 0.0}, r"release_ratio must be in \(0, 1\], got 0.0"),
        ({"release_ratio": 1.5}, r"release_ratio must be in \(0, 1\], got 1.5"),
        ({"release_ratio": float("nan")}, r"release_ratio must be in"),
        ({"merge_gap": -1}, "merge_gap must be at least 0 rows, got -1"),
    ],
)
def test_parameters_out_of_range_are_named(given, match):
    with pytest.raises(ParameterError, match=match):
        AlarmPolicy(**given)
