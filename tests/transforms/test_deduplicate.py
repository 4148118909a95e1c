"""Deduplicate against a naive implementation that stores all rows of a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.operator_checks import check_operator
from streamlyt.transforms import Deduplicate
from streamlyt.transforms.deduplicate import MAX_ROWS

NAN = float("nan")


def naive(times, rows, same):
    """Return the indices of the emitted rows."""
    seen, numbers = set(), []
    for number, (time, row) in enumerate(zip(times, rows, strict=True)):
        mark = (time, repr(row)) if same == "row" else time
        if mark not in seen:
            numbers.append(number)
        seen.add(mark)
    return numbers


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([1.0, 2.0, NAN])), max_size=30),
    st.sampled_from(["row", "time"]),
    st.lists(st.integers(0, 30), max_size=3),
)
def test_rows_and_their_numbers_are_those_of_the_slow_twin(steps, same, cuts):
    times = np.cumsum([later for later, _ in steps]).astype(np.int64)
    values = np.array([[value, 0.0] for _, value in steps]).reshape(-1, 2)
    whole = Batch("", times, values, Schema.of("a", "b"))
    one, edges = (
        Deduplicate(same),
        sorted({0, whole.n_rows, *(min(cut, whole.n_rows) for cut in cuts)}),
    )
    parts = [
        one.update(whole.slice(a, b))[0]
        for a, b in zip(edges, [*edges[1:], whole.n_rows], strict=True)
    ]
    numbers = naive(times.tolist(), values[:, 0].tolist(), same)
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), values[numbers])
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), times[numbers])
    assert [one.input_index(i) for i in range(len(numbers))] == numbers


@pytest.mark.parametrize("same", ["row", "time"])
def test_the_promises_of_the_house_hold(same):
    check_operator(Deduplicate(same), example_batch())


def test_memory_is_bounded_within_one_time():
    operator = Deduplicate()
    rows = np.arange(500.0)[:, None]
    operator.update(Batch("", np.zeros(500), rows, Schema.of("a")))
    assert len(operator.state["seen"]) == MAX_ROWS


def test_invalid_parameters_and_channel_counts_are_rejected():
    with pytest.raises(ParameterError, match="by must be 'row' or 'time', got 'key'"):
        Deduplicate("key")
    operator = Deduplicate()
    operator.update(Batch("", [0], [[1.0]], Schema.of("a")))
    with pytest.raises(DataError, match="channels must stay 1"):
        operator.update(Batch("", [0], [[1.0, 2.0]], Schema.of("a", "b")))
