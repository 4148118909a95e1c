from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.transforms import CountWindow, SessionWindow, SlidingWindow, TumblingWindow
from tests.transforms import naive

NAMES = ["count", "sum", "mean", "std", "min", "max"]
SCHEMA = Schema.of("x", "y")
rows = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from([0.0, -1.5, 3.25, 1e3, np.nan, np.inf]),
        st.floats(-10, 10),
    ),
    min_size=1,
    max_size=60,
)


def run(operator, times, values, cuts=()):
    """All rows that come out, those at the end of the source included."""
    out = []
    edges = [0, *sorted(c % (len(times) + 1) for c in cuts), len(times)]
    for start, stop in pairwise(edges):
        out.append(operator.update(Batch("", times[start:stop], values[start:stop], SCHEMA))[0])
    out.append(operator.finish(Batch("", times[:0], values[:0], SCHEMA))[0])
    found = [(int(t), row.tolist()) for b in out for t, row in zip(b.times, b.values, strict=True)]
    return found, out[0].schema


def table(drawn, start=0):
    times = (start + np.cumsum([gap for gap, _, _ in drawn])).tolist()
    return times, np.array([[x, y] for _, x, y in drawn])


def same(found, expected):
    assert [time for time, _ in found] == [time for time, _ in expected]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@settings(deadline=None, derandomize=True)
@given(rows, st.integers(-50, 50), st.integers(1, 9), st.lists(st.integers(0, 60), max_size=4))
def test_tumbling_windows_are_those_of_the_definition(drawn, start, width, cuts):
    times, values = table(drawn, start)
    ends = sorted({(t // width + 1) * width for t in times})
    expected = naive.windows(times, values, lambda t, e: e - width <= t < e, ends, NAMES)
    found, schema = run(TumblingWindow(width, NAMES), times, values, cuts)
    same(found, expected)
    assert schema.channel_names[:2] == ("x_count", "x_sum")


@settings(deadline=None, derandomize=True)
@given(
    rows,
    st.integers(-50, 50),
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_sliding_windows_are_those_of_the_definition(drawn, start, slide, span, cuts):
    times, values = table(drawn, start)
    width = slide * span
    first, last = times[0] // slide, times[-1] // slide + span
    ends = [end * slide for end in range(first + 1, last + 1)]
    expected = naive.windows(times, values, lambda t, e: e - width <= t < e, ends, NAMES)
    found, _ = run(SlidingWindow(width, slide, NAMES), times, values, cuts)
    same(found, expected)


@settings(deadline=None, derandomize=True)
@given(rows, st.integers(0, 6), st.lists(st.integers(0, 60), max_size=4))
def test_sessions_are_those_of_the_definition(drawn, gap, cuts):
    times, values = table(drawn)
    expected = [
        (times[each[-1]], naive.summary(values[each], NAMES)) for each in naive.sessions(times, gap)
    ]
    found, _ = run(SessionWindow(gap, NAMES), times, values, cuts)
    same(found, expected)


@settings(deadline=None, derandomize=True)
@given(rows, st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(0, 60), max_size=4))
def test_windows_of_rows_are_those_of_the_definition(drawn, slide, span, cuts):
    times, values = table(drawn)
    size = slide * span
    lasts = range(size - 1, len(times), slide)
    expected = [(times[i], naive.summary(values[i + 1 - size : i + 1], NAMES)) for i in lasts]
    found, _ = run(CountWindow(size, slide, NAMES), times, values, cuts)
    same(found, expected)


def test_a_spread_far_from_zero_is_exact():
    values = 1e9 + np.random.default_rng(0).normal(size=(1000, 2))
    found, _ = run(SlidingWindow(100, 20, ["std"]), np.arange(1000), values)
    end, row = found[25]
    np.testing.assert_allclose(row, values[end - 100 : end].std(axis=0, ddof=1), rtol=1e-6)


def test_values_near_the_largest_have_a_mean_and_raise_nothing():
    values = np.array([[1e308, -1e308], [-1e308, 1e308]] * 10)
    found, _ = run(SlidingWindow(4, 2, ["mean", "min", "max"]), np.arange(20), values)
    assert found[2] == (6, [0.0, -1e308, 1e308] * 2)


@pytest.mark.parametrize(
    "operator",
    [TumblingWindow(10), SlidingWindow(20, 10), SessionWindow(10), CountWindow(4)],
    ids=lambda o: repr(o),
)
def test_out_of_order_rows_are_rejected_without_changing_the_state(operator):
    operator = operator.clone()
    operator.update(Batch("a", [5, 7], [[1.0, 2], [3, 4]], SCHEMA))
    before = {name: array.copy() for name, array in operator.state.items()}
    with pytest.raises(DataError, match=r"never decrease, got 6 after 7 .* reorder operator"):
        operator.update(Batch("a", [6], [[1.0, 2]], SCHEMA))
    for name, array in operator.state.items():
        np.testing.assert_array_equal(array, before[name])


def test_events_refer_to_the_last_row_of_their_window():
    operator = TumblingWindow(10)
    times = np.array([0, 1, 2, 10, 25, 26, 27, 28, 40])
    operator.update(Batch("", times, np.zeros((9, 2)), SCHEMA))
    assert [operator.input_index(i) for i in range(3)] == [2, 3, 7]


def test_spans_of_time_are_read_as_text():
    clock = Schema.of("x", "y", time_unit="ns")
    times = np.array([0, 400, 999, 1000]) * 10**6
    batch = Batch("", times, np.ones((4, 2)), clock)
    assert TumblingWindow("1s", ["count"]).update(batch)[0].values.tolist() == [[3.0, 3.0]]
    assert SlidingWindow("0.5s", "250ms", ["count"]).update(batch)[0].values[:, 0].tolist() == [
        1,
        2,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TumblingWindow(0), "size must be at least 1, got 0"),
        (lambda: TumblingWindow("5 parsec"), r"size must be a whole number .* got '5 parsec'"),
        (lambda: TumblingWindow("0s"), "size must be longer than nothing"),
        (lambda: TumblingWindow(5, "mean"), "statistics must be a list of names, got 'mean'"),
        (
            lambda: TumblingWindow(5, ["mode"]),
            "statistic of a window must be a known one, got 'mode'",
        ),
        (lambda: TumblingWindow(5, ["sum", "sum"]), "statistics must be distinct"),
        (lambda: SessionWindow(-1), "gap must be at least 0"),
        (lambda: CountWindow(7, 2), "size must be at least 1 and a multiple of slide, got 7 and 2"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (TumblingWindow("5s"), "size must be a whole number where times count 'step', got '5s'"),
        (SlidingWindow(7, 2), "size must be a multiple of slide, got 7 and 2"),
    ],
)
def test_parameters_that_do_not_match_the_rows_are_rejected(operator, message):
    with pytest.raises(ParameterError, match=message):
        operator.clone().update(Batch("", [0], [[1.0, 2.0]], SCHEMA))


def test_other_channel_counts_are_rejected():
    operator = TumblingWindow(10)
    operator.update(Batch("", [0], [[1.0, 2.0]], SCHEMA))
    with pytest.raises(DataError, match="expected 2 channels"):
        operator.update(Batch("", [1], [[1.0]], Schema.of("x")))
