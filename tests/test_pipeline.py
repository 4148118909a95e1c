from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Channel, Event, Operator, Schema
from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.pipeline import Pipeline
from tests._arrays import assert_same_bits


class Sum(Operator):
    """Appends the running sum of the first column; an event at each multiple of ten."""

    def __init__(self, column="sum"):
        self.column = column
        self.state = {}

    def update(self, batch):
        total = self.state.setdefault("total", np.zeros(1))
        out = np.empty(batch.n_rows)
        events = []
        for i, value in enumerate(batch.values[:, 0]):
            total += value
            out[i] = total[0]
            if total[0] % 10 == 0:
                time = int(batch.times[i])
                events.append(Event(batch.key, "?", time, time, time, time, total[0], 10.0))
        schema = batch.schema.with_channels([*batch.schema.channels, Channel(self.column)])
        return batch.with_values(np.column_stack([batch.values, out]), schema), events


class Doubled(Operator):
    """Replaces all columns."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        return batch.with_values(2 * batch.values[:, :1], Schema.of("doubled")), []


def rows(n=40, key="a", start=0):
    times = np.arange(start, start + n)
    return Batch(key, times, (times[:, None] % 7).astype(float), Schema.of("x"))


def test_each_series_has_its_own_state_and_prototypes_have_none():
    prototype = Sum()
    pipeline = Pipeline([prototype])
    first, _ = pipeline.process(rows(key="a"))
    second, _ = pipeline.process(rows(key="b"))
    assert_same_bits(first["test_pipeline"].values, second["test_pipeline"].values)
    assert prototype.state == {}
    assert list(pipeline.states()) == ["a", "b"]


def test_operators_are_named_after_their_module_and_events_after_operators():
    pipeline = Pipeline([Sum("one"), Sum("two")])
    assert list(pipeline.operators) == ["test_pipeline", "test_pipeline_2"]
    _, events = pipeline.process(rows())
    assert {event.detector for event in events} == {"test_pipeline", "test_pipeline_2"}
    assert list(Pipeline({"fast": Sum()}).operators) == ["fast"]


def test_appended_channels_are_relative_to_the_last_replaced_channels():
    pipeline = Pipeline([Sum("a"), Doubled(), Sum("b"), Sum("c")])
    pipeline.process(rows())
    [output] = pipeline.outputs
    assert pipeline.appended_channels("a", output) == ("b", "c")
    assert pipeline.appended_channels("unknown", output) == ()


@pytest.mark.bits
@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), max_size=6))
def test_rows_and_events_do_not_depend_on_the_batch_boundaries(boundaries):
    complete, expected = Pipeline([Sum("a"), Sum("b")]).process(rows())
    pipeline = Pipeline([Sum("a"), Sum("b")])
    ends = [0, *sorted(boundaries), 40]
    parts, events = [], []
    for start, stop in pairwise(ends):
        out, new = pipeline.process(rows().slice(start, stop))
        parts.append(out["test_pipeline_2"].values)
        events += new
        saved = pipeline.states()
        pipeline = Pipeline([Sum("a"), Sum("b")])
        pipeline.restore(saved)
    assert_same_bits(np.concatenate(parts), complete["test_pipeline_2"].values)
    assert sorted(map(repr, events)) == sorted(map(repr, expected))


def test_restored_state_is_a_copy():
    pipeline = Pipeline([Sum()])
    pipeline.process(rows())
    saved = pipeline.states()
    other = Pipeline([Sum()])
    other.restore(saved)
    other.process(rows())
    assert saved["a"]["test_pipeline"]["total"][0] == rows().values.sum()


def test_restore_forgets_every_series_and_every_name_of_before():
    pipeline = branched()
    pipeline.process(rows(key="old"))
    pipeline.process(rows(key="a"))
    saved = {"a": pipeline.states()["a"]}
    saved = {key: {op: dict(state) for op, state in each.items()} for key, each in saved.items()}
    pipeline.restore(saved)
    assert list(pipeline.states()) == ["a"]
    assert pipeline.appended_channels("a", "raw") == ()
    # The output series "old/pairs" has no owner any more.
    pipeline.process(rows(key="old/pairs"))
    pipeline.restore({})
    assert pipeline.states() == {}


def test_reset_of_one_series_leaves_the_others():
    pipeline = Pipeline({"one": Sum()})
    for key in "ab":
        pipeline.process(rows(key=key))
    pipeline.restore_series("a", None)
    assert list(pipeline.states()) == ["b"]
    assert pipeline.appended_channels("a", "one") == ()
    assert pipeline.appended_channels("b", "one") == ("sum",)
    again, _ = pipeline.process(rows(key="a"))
    fresh, _ = Pipeline({"one": Sum()}).process(rows(key="a"))
    assert_same_bits(again["one"].values, fresh["one"].values)
    pipeline.restore_series("never seen", None)


def test_state_of_other_operators_is_rejected():
    pipeline = Pipeline({"one": Sum()})
    pipeline.process(rows())
    with pytest.raises(StateError, match=r"'a'.*must be of operators \['two'\], got \['one'\]"):
        Pipeline({"two": Sum()}).restore(pipeline.states())


def test_value_that_is_no_operator_is_rejected():
    with pytest.raises(ParameterError, match="'x' must be an Operator, got 3"):
        Pipeline({"x": 3})


class Pairs(Operator):
    """Emits the mean of every two rows."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        buffered = self.state.setdefault("buffered", np.empty((0, batch.schema.n_channels)))
        times = self.state.setdefault("times", np.empty(0, np.int64))
        values = np.concatenate([buffered, batch.values])
        when = np.concatenate([times, batch.times])
        complete = len(values) // 2 * 2
        self.state = {"buffered": values[complete:], "times": when[complete:]}
        means = values[:complete].reshape(-1, 2, values.shape[1]).mean(axis=1)
        return Batch(batch.key, when[1:complete:2], means, batch.schema), []

    def input_index(self, index):
        return 2 * index + 1


def branched():
    return Pipeline(
        {"raw": Sum("raw"), "pairs": Pairs(), "sums": Sum("sums"), "twice": Doubled()},
        {"pairs": "source", "twice": "pairs"},
    )


def test_several_operators_take_the_output_of_one_node():
    pipeline = branched()
    assert pipeline.outputs == ("raw", "sums", "twice")
    assert pipeline.operators_before("sums") == ("pairs", "sums")
    out, events = pipeline.process(rows(400))
    keys = {node: (batch.key, batch.n_rows) for node, batch in out.items()}
    assert keys == {
        "source": ("a", 400),
        "raw": ("a", 400),
        "pairs": ("a/pairs", 200),
        "sums": ("a/pairs", 200),
        "twice": ("a/pairs/twice", 200),
    }
    assert {(event.key, event.detector) for event in events} == {("a", "raw"), ("a/pairs", "sums")}
    assert pipeline.appended_channels("a", "raw") == ("raw",)
    assert pipeline.appended_channels("a", "sums") == ("sums",)
    alone, expected = Pipeline([Pairs(), Sum("sums")]).process(rows(400))
    assert_same_bits(alone["test_pipeline_2"].values, out["sums"].values)
    indices = [event.alarm_index for event in events if event.detector == "sums"]
    assert indices == [event.alarm_index for event in expected]


def test_branch_of_a_series_without_a_name_is_named_after_its_operator():
    out, _ = branched().process(rows(key=""))
    assert [out[node].key for node in ("raw", "sums", "twice")] == ["", "pairs", "pairs/twice"]


def test_operator_takes_the_output_of_an_earlier_node_only():
    with pytest.raises(ParameterError, match=r"a\.input must be one of \['source'\].*got 'b'"):
        Pipeline({"a": Sum(), "b": Sum()}, {"a": "b"})
    with pytest.raises(ParameterError, match="input must be of operators"):
        Pipeline({"a": Sum()}, {"c": "a"})
    with pytest.raises(ParameterError, match="no operator may be called 'source'"):
        Pipeline({"source": Sum()})


@pytest.mark.parametrize("keys", [("a", "a/pairs"), ("a/pairs", "a")])
def test_branch_never_shares_its_name_with_a_source_series(keys):
    pipeline = branched()
    first, second = keys
    pipeline.process(rows(key=first))
    with pytest.raises(DataError, match=r"got 'a/pairs' from series .* another label"):
        pipeline.process(rows(key=second))
    assert list(pipeline.states()) == [first]
