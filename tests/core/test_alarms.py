"""The alarm state machine against a naive implementation, and its properties."""

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
    """Rows in alarm and onsets of a statistic with threshold 1, by a scan back at every row."""
    in_alarm, onsets = [], []
    for i, level in enumerate(levels):
        above = 0
        while above <= i and levels[i - above] > 1:
            above += 1
        if in_alarm and in_alarm[-1]:
            in_alarm.append(level >= policy.release_ratio)
            continue
        in_alarm.append(above >= policy.min_consecutive)
        earlier = [j for j in range(i) if in_alarm[j]]
        if in_alarm[-1] and (not earlier or i - earlier[-1] > policy.merge_gap):
            onsets.append((i, i - above + 1))
    return [float(each) for each in in_alarm], onsets


@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES)
def test_state_machine_agrees_with_the_naive_implementation(levels, policy):
    in_alarm, onsets = policy.apply(np.array(levels), np.ones(len(levels)), policy.initial_state())
    expected_in_alarm, expected_onsets = naive_follow(levels, policy)
    assert in_alarm.tolist() == expected_in_alarm
    assert onsets == expected_onsets


@pytest.mark.bits
@settings(deadline=None, derandomize=True)
@given(LEVELS, POLICIES, st.lists(st.integers(0, 60), max_size=5))
def test_batch_boundaries_do_not_matter(levels, policy, cuts):
    statistic, threshold = np.array(levels), np.ones(len(levels))
    expected = policy.apply(statistic, threshold, policy.initial_state())
    memory, in_alarm, onsets = policy.initial_state(), [], []
    ends = sorted({0, len(levels), *(cut for cut in cuts if cut < len(levels))})
    for start, stop in pairwise(ends):
        part, found = policy.apply(statistic[start:stop], threshold[start:stop], memory)
        in_alarm += part.tolist()
        onsets += [(row + start, crossed) for row, crossed in found]
    assert (in_alarm, onsets) == (expected[0].tolist(), expected[1])


def test_infinite_threshold_is_never_crossed():
    statistic = np.array([1e300, np.inf, 0.0])
    in_alarm, onsets = AlarmPolicy().apply(
        statistic, np.full(3, np.inf), AlarmPolicy().initial_state()
    )
    assert not in_alarm.any()
    assert not onsets


def test_short_dip_during_an_alarm_is_no_new_event():
    policy = AlarmPolicy(release_ratio=0.5)
    statistic = np.array([0, 2, 0.6, 2, 0.6, 0.4, 2.0])
    _, onsets = policy.apply(statistic, np.ones(7), policy.initial_state())
    assert onsets == [(1, 1), (6, 6)]


def test_alarm_within_merge_gap_belongs_to_the_previous_event():
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
def test_parameters_out_of_range_are_rejected(given, match):
    with pytest.raises(ParameterError, match=match):
        AlarmPolicy(**given)
