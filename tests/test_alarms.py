"""The alarm machine against its sentence in plain Python, and its properties."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.alarms import AlarmPolicy
from streamlyt.errors import ParameterError

LEVELS = st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0, 1.1, 3.0]), max_size=60)
POLICIES = st.builds(
    AlarmPolicy,
    persistence=st.integers(1, 4),
    release=st.sampled_from([0.25, 0.5, 1.0]),
    join=st.integers(0, 6),
)


def naive_follow(levels, policy):
    """Hot rows and onsets of a statistic whose threshold is 1, by looking back at every row."""
    hot, onsets = [], []
    for i, level in enumerate(levels):
        above = 0
        while above <= i and levels[i - above] > 1:
            above += 1
        if hot and hot[-1]:
            hot.append(level >= policy.release)
            continue
        hot.append(above >= policy.persistence)
        earlier = [j for j in range(i) if hot[j]]
        if hot[-1] and (not earlier or i - earlier[-1] > policy.join):
            onsets.append((i, i - above + 1))
    return [float(each) for each in hot], onsets


@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES)
def test_the_machine_is_its_sentence(levels, policy):
    hot, onsets = policy.follow(np.array(levels), np.ones(len(levels)), policy.start())
    expected_hot, expected_onsets = naive_follow(levels, policy)
    assert hot.tolist() == expected_hot
    assert onsets == expected_onsets


@pytest.mark.bits
@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES, st.lists(st.integers(0, 60), max_size=5))
def test_cuts_change_nothing(levels, policy, cuts):
    statistic, threshold = np.array(levels), np.ones(len(levels))
    whole = policy.follow(statistic, threshold, policy.start())
    memory, hot, onsets = policy.start(), [], []
    ends = sorted({0, len(levels), *(cut for cut in cuts if cut < len(levels))})
    for start, stop in pairwise(ends):
        part, found = policy.follow(statistic[start:stop], threshold[start:stop], memory)
        hot += part.tolist()
        onsets += [(row + start, crossed) for row, crossed in found]
    assert (hot, onsets) == (whole[0].tolist(), whole[1])


def test_an_unknown_threshold_is_never_crossed():
    statistic = np.array([1e300, np.inf, 0.0])
    hot, onsets = AlarmPolicy().follow(statistic, np.full(3, np.inf), AlarmPolicy().start())
    assert not hot.any()
    assert not onsets


def test_a_spell_that_only_dips_is_one_event():
    policy = AlarmPolicy(release=0.5)
    statistic = np.array([0, 2, 0.6, 2, 0.6, 0.4, 2.0])
    _, onsets = policy.follow(statistic, np.ones(7), policy.start())
    assert onsets == [(1, 1), (6, 6)]


def test_a_spell_soon_after_belongs_to_the_event_before_it():
    statistic = np.array([2.0, 0, 0, 2, 0, 0, 0, 2])
    _, onsets = AlarmPolicy(join=3).follow(statistic, np.ones(8), AlarmPolicy(join=3).start())
    assert onsets == [(0, 0), (7, 7)]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"persistence": 0}, "persistence must be at least 1 row, got 0"),
        ({"release": 0.0}, r"release must be in \(0, 1\], got 0.0"),
        ({"release": 1.5}, r"release must be in \(0, 1\], got 1.5"),
        ({"release": float("nan")}, r"release must be in"),
        ({"join": -1}, "join must be at least 0 rows, got -1"),
    ],
)
def test_parameters_out_of_range_are_named(given, match):
    with pytest.raises(ParameterError, match=match):
        AlarmPolicy(**given)
