import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from streamlyt.core.errors import ParameterError
from streamlyt.evaluate import match_alarms, run_length
from tests.evaluate import naive

rows = st.lists(st.integers(0, 60), max_size=8).map(sorted)


def test_mean_of_complete_runs_is_the_arithmetic_mean():
    lengths = [3, 5, 10, 2]
    found = run_length(lengths)
    assert found.mean == np.mean(lengths)
    assert found.error == pytest.approx(np.std(lengths, ddof=1) / 2)
    assert (found.alarms, found.rows) == (4, 20)


@pytest.mark.parametrize("cut", [400, 1000, 10_000])
def test_censored_runs_do_not_bias_the_mean(cut):
    rng = np.random.default_rng(0)
    means, errors = [], []
    for _ in range(400):
        lengths = rng.geometric(1e-3, size=60)
        found = run_length(np.minimum(lengths, cut).tolist(), (lengths <= cut).tolist())
        means.append(found.mean)
        errors.append(found.error)
    alarms = 60 * (1 - math.exp(-cut / 1000))
    # The bias of a ratio is one part in the number of alarms; its error is accurate to a tenth.
    assert np.mean(means) == pytest.approx(1000 * (1 + 1 / alarms), rel=0.03)
    assert np.median(errors) == pytest.approx(np.std(means), rel=0.15)


def test_lower_bound_has_a_coverage_of_95_percent():
    for alarms in (0, 1, 7):
        found = run_length([100] * 10, [True] * alarms + [False] * (10 - alarms))
        assert poisson.cdf(alarms, 1000 / found.least) == pytest.approx(0.05)


def test_without_an_alarm_only_the_lower_bound_is_finite():
    found = run_length([500, 500], [False, False])
    assert math.isinf(found.mean)
    assert math.isinf(found.error)
    assert found.least == pytest.approx(1000 / math.log(20))


@pytest.mark.parametrize("wrong", [([], None), ([0], None), ([3, 4], [True])])
def test_invalid_runs_are_rejected(wrong):
    with pytest.raises(ParameterError, match="lengths must hold runs"):
        run_length(*wrong)


@settings(deadline=None, derandomize=True)
@given(rows, rows.map(lambda each: sorted(set(each))), st.sampled_from([1, 5, math.inf]))
def test_matches_equal_those_of_the_naive_implementation(alarms, changes, within):
    found = match_alarms(alarms, changes, within)
    delays, missed, false = naive.match(alarms, changes, within)
    assert (list(found.delays), list(found.missed), list(found.false_alarms)) == (
        delays,
        missed,
        false,
    )
    matched = [alarms[at] for at in found.detected if at is not None]
    assert sorted([*matched, *found.false_alarms]) == alarms
    assert len(found.delays) + len(found.missed) == len(changes)


def test_rows_out_of_order_are_rejected():
    with pytest.raises(ParameterError, match="alarms must be rows in increasing order"):
        match_alarms([5, 3], [])
    with pytest.raises(ParameterError, match="changes must be rows in increasing order"):
        match_alarms([], [5, 3])
