"""Missing-value policies against a naive row-by-row implementation; events keep source rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Event, Operator, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.operator_checks import check_operator
from streamlyt.pipeline import Pipeline
from streamlyt.transforms import MissingValues
from streamlyt.transforms._row_index import MAX_RUNS
from tests._arrays import assert_same_bits

NAN = np.nan


def batch_of(values, names=("a", "b")):
    return Batch(
        "", np.arange(len(values)), np.reshape(values, (-1, len(names))), Schema.of(*names)
    )


def naive(values, policies):
    """Return the emitted rows and their indices, row by row."""
    last, out, numbers = [NAN] * len(policies), [], []
    for number, row in enumerate(values):
        filled = []
        for i, (value, policy) in enumerate(zip(row, policies, strict=True)):
            if np.isfinite(value):
                last[i] = value
            filled.append(last[i] if policy == "ffill" else value)
        if np.isfinite(filled).all():
            out.append(filled)
            numbers.append(number)
    return np.reshape(out, (-1, len(policies))), numbers


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(st.tuples(*[st.sampled_from([1.0, 2.0, NAN, np.inf])] * 2), max_size=30),
    st.tuples(*[st.sampled_from(["drop", "ffill"])] * 2),
    st.integers(0, 30),
)
def test_rows_and_their_numbers_are_those_of_the_slow_twin(values, policies, cut):
    one = MissingValues(policies[0], channels={"b": policies[1]})
    whole = batch_of(values)
    parts = [one.update(part)[0] for part in (whole.slice(0, cut), whole.slice(cut, whole.n_rows))]
    expected, numbers = naive(values, policies)
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), expected)
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), numbers)
    assert [one.input_index(i) for i in range(len(numbers))] == numbers


@pytest.mark.parametrize("policy", ["drop", "ffill", "raise"])
def test_every_policy_keeps_every_promise(policy):
    check_operator(MissingValues(policy), example_batch())


def test_the_memory_of_rows_left_out_is_bounded_and_the_last_ones_are_true():
    values = np.ones((6 * MAX_RUNS, 2))
    values[::2] = NAN
    one = MissingValues("drop")
    out, _ = one.update(batch_of(values))
    assert len(one.state["runs"]) == MAX_RUNS
    assert [one.input_index(i) for i in range(out.n_rows - MAX_RUNS, out.n_rows)] == out.times[
        -MAX_RUNS:
    ].tolist()


def test_stop_names_the_place_and_leaves_the_memory():
    one = MissingValues()
    one.update(batch_of([[1, 2]]))
    before = {name: array.copy() for name, array in one.state.items()}
    with pytest.raises(
        DataError, match=r"^values must not be missing, got nan in channel 'b' at time 1"
    ):
        one.update(batch_of([[1, 2], [3, NAN]]))
    assert_same_bits(one.state, before)


def test_an_unknown_policy_channel_or_channel_count_is_rejected():
    with pytest.raises(
        ParameterError, match="missing must be 'drop', 'ffill' or 'raise', got 'keep'"
    ):
        MissingValues("keep")
    with pytest.raises(ParameterError, match="got 'heta'"):
        MissingValues(channels={"heta": "ffill"}).update(batch_of([[1, 2]], ("heat", "flow")))
    one = MissingValues("drop")
    one.update(batch_of([[1, 2]]))
    with pytest.raises(DataError, match="number of channels must stay 2"):
        one.update(batch_of([[1]], ("a",)))


class Third(Operator):
    """Finds something at the third row that it sees."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        return batch, [Event("", "third", 2, 2, 1, 1, 1.0, 1.0)] if batch.n_rows > 2 else []


def test_downstream_events_refer_to_source_rows():
    rows = batch_of([[1, 1], [NAN, 1], [NAN, 1], [2, 2], [1, NAN], [3, 3]])
    _, [event] = Pipeline([MissingValues("drop"), Third()]).process(rows)
    assert (event.change_index, event.alarm_index) == (3, 5)
