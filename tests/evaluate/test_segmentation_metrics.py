import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core.errors import ParameterError
from streamlyt.evaluate import covering, f1_score, precision_recall
from tests.evaluate import naive

ROWS = 40
rows = st.lists(st.integers(0, ROWS - 1), max_size=8)
annotators = st.dictionaries(st.sampled_from("abcd"), rows, min_size=1)


# Calculated by hand from the definitions.
@pytest.mark.parametrize(
    ("truth", "found", "n", "expected"),
    [
        ([50], [50], 100, 1.0),
        ([50], [], 100, 0.5),
        ([], [50], 100, 0.5),
        # 60 rows: 50/60 by the first segment; 40: 40/50 by the second.
        ([60], [50], 100, 0.6 * 50 / 60 + 0.4 * 40 / 50),
        # All right; then [10, 45) best by [20, 45); then [0, 5) by [0, 10) and [5, 45) by the last.
        (
            {"a": [10, 20], "b": [10], "c": [0, 5]},
            [10, 20],
            45,
            (1 + (10 + 35 * 25 / 35) / 45 + (5 * 5 / 10 + 40 * 25 / 40) / 45) / 3,
        ),
    ],
)
def test_covering_matches_a_hand_calculation(truth, found, n, expected):
    assert covering(truth, found, n) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("truth", "found", "margin", "expected"),
    [
        ([100], [105], 5, 1.0),
        ([100], [94], 5, 0.5),  # one of two estimated is right, one of two true is found
        ([], [], 5, 1.0),
        ([10, 12], [11], 5, 2 * 1 * (2 / 3) / (1 + 2 / 3)),  # one estimated row matches one change
        ({"a": [], "b": [10], "c": [50]}, [10], 5, 2 * 1 * (5 / 6) / (1 + 5 / 6)),
        ({"a": [], "b": [10], "c": [50]}, [], 5, 2 * 1 * (2 / 3) / (1 + 2 / 3)),
        ({"a": [10, 20], "b": [11, 20], "c": [10], "d": [0, 5]}, [10, 20], 5, 1.0),
        ([3], [2], 5, 1.0),  # row 0 takes row 0, not row 2
    ],
)
def test_f1_matches_a_hand_calculation(truth, found, margin, expected):
    assert f1_score(truth, found, margin) == pytest.approx(expected, abs=1e-15)


@settings(deadline=None, derandomize=True)
@given(annotators, rows, st.integers(0, 6))
def test_scores_match_the_naive_implementations(truth, found, margin):
    assert covering(truth, found, ROWS) == pytest.approx(naive.covering(truth, found, ROWS))
    assert f1_score(truth, found, margin) == pytest.approx(naive.f1(truth, found, margin))


@settings(deadline=None, derandomize=True)
@given(rows, rows)
def test_scores_are_one_only_for_the_truth(truth, found):
    assert covering(truth, truth, ROWS) == pytest.approx(1)
    assert f1_score(truth, truth) == 1
    if {0, *truth} != {0, *found}:
        assert covering(truth, found, ROWS) < 1
        assert f1_score(truth, found, margin=0) < 1


@settings(deadline=None, derandomize=True)
@given(annotators, rows)
def test_order_repetition_and_row_zero_do_not_matter(truth, found):
    again = [0, *reversed(found), *found]
    assert covering(truth, again, ROWS) == covering(truth, found, ROWS)
    assert precision_recall(truth, again) == precision_recall(truth, found)


def test_rows_outside_the_series_are_rejected():
    with pytest.raises(ParameterError, match="found must be rows below n=10, got 10"):
        covering([5], [10], 10)
    with pytest.raises(ParameterError, match="truth must be rows counted from 0, got -1"):
        f1_score([-1], [10])
    with pytest.raises(ParameterError, match="margin must be at least 0"):
        f1_score([1], [10], margin=-1)
    with pytest.raises(ParameterError, match="at least one annotator"):
        covering({}, [], 10)
