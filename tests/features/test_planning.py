"""The figures of the planner match those of the maps."""

import numpy as np
import pytest

from streamlyt.core.errors import ParameterError
from streamlyt.features import FastfoodMap, FourierMap, OpticalMap, plan_features
from tests.features import naive


def by_construction(lines):
    found = {}
    for line in lines:
        found.setdefault(line.construction, []).append(line)
    return found


@pytest.mark.parametrize(
    "features", [OpticalMap(1, response=2), FourierMap(2), OpticalMap(2, response="exp")]
)
def test_expected_error_meets_the_target_and_halves_with_four_times_the_features(features):
    lines = by_construction(plan_features(features, 6, error=0.2))["dense"]
    assert 0.15 < lines[0].expected <= 0.2
    for line, times in zip(lines, (1, 4, 16), strict=True):
        assert line.n_components == times * lines[0].n_components
        assert line.expected == pytest.approx(lines[0].expected / np.sqrt(times))


@naive.compiled_only
def test_measured_error_matches_the_expected_one_and_is_smaller_for_orthogonal_draws():
    lines = by_construction(plan_features(FourierMap(2), 16, error=0.1))
    for line in lines["dense"]:
        assert line.measured == pytest.approx(line.expected, rel=0.3)
    for construction in ("orthogonal", "structured"):
        assert all(line.measured < line.expected for line in lines[construction])
    assert [line.measured for line in lines["tiles"]] == [line.measured for line in lines["dense"]]


def test_memory_matches_the_tables():
    lines = by_construction(plan_features(OpticalMap(2), 40, error=0.1))
    m = lines["dense"][2].n_components
    assert lines["dense"][2].memory == 2 * 44 * -(-m // 128) * 128 * 4
    assert lines["structured"][2].memory == 2 * -(-m // 64) * 64 * 4 + 40 * 8
    assert lines["tiles"][2].memory == 0


def test_slow_cases_are_not_measured_but_have_their_memory():
    line = by_construction(plan_features(OpticalMap(2), 120_000, error=0.1))["dense"][2]
    assert (line.batch_us, line.single_us, line.measured) == (None, None, None)
    assert line.memory == 2 * 120_001 * line.n_components * 4


def test_the_choice_of_auto_is_marked_and_depends_on_the_width_alone():
    for d, chosen in ((3, "dense"), (4, "structured"), (50, "structured")):
        lines = plan_features(OpticalMap(2), d, error=0.3)
        assert {line.construction for line in lines if line.chosen} == {chosen}
    assert all(line.chosen for line in plan_features(FastfoodMap(2), 5, error=0.3))


def test_one_input_leaves_one_direction():
    assert all(line.measured < 0.5 for line in plan_features(FourierMap(2), 1, error=0.2))


def test_invalid_parameters_are_rejected():
    with pytest.raises(ParameterError, match="d must be an integer of at least 1, got 0"):
        plan_features(OpticalMap(2), 0, error=0.1)
    with pytest.raises(ParameterError, match="error must be a finite number above 0, got 0"):
        plan_features(OpticalMap(2), 5, error=0)
    with pytest.raises(ParameterError, match="features must be a projection map"):
        plan_features("optical", 5, error=0.1)
