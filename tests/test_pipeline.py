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
    """Sets the running sum of the first column beside it; a finding at each multiple of ten."""

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
    """Gives other columns on."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        return batch.with_values(2 * batch.values[:, :1], Schema.of("doubled")), []


def rows(n=40, key="a", start=0):
    times = np.arange(start, start + n)
    return Batch(key, times, (times[:, None] % 7).astype(float), Schema.of("x"))


def test_each_series_has_a_memory_of_its_own_and_prototypes_have_none():
    prototype = Sum()
    pipeline = Pipeline([prototype])
    first, _ = pipeline.process(rows(key="a"))
    second, _ = pipeline.process(rows(key="b"))
    assert_same_bits(first["test_pipeline"].values, second["test_pipeline"].values)
    assert prototype.state == {}
    assert list(pipeline.states()) == ["a", "b"]


def test_operators_are_named_after_their_file_and_events_after_operators():
    pipeline = Pipeline([Sum("one"), Sum("two")])
    assert list(pipeline.operators) == ["test_pipeline", "test_pipeline_2"]
    _, events = pipeline.process(rows())
    assert {event.detector for event in events} == {"test_pipeline", "test_pipeline_2"}
    assert list(Pipeline({"fast": Sum()}).operators) == ["fast"]


def test_appended_columns_are_those_set_beside_the_inputs_of_the_last_change_of_columns():
    pipeline = Pipeline([Sum("a"), Doubled(), Sum("b"), Sum("c")])
    pipeline.process(rows())
    [end] = pipeline.outputs
    assert pipeline.appended_channels("a", end) == ("b", "c")
    assert pipeline.appended_channels("nobody", end) == ()


@pytest.mark.bits
@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 40), max_size=6))
def test_rows_and_findings_do_not_depend_on_the_cut(cuts):
    whole, found = Pipeline([Sum("a"), Sum("b")]).process(rows())
    pipeline = Pipeline([Sum("a"), Sum("b")])
    ends = [0, *sorted(cuts), 40]
    parts, events = [], []
    for start, stop in pairwise(ends):
        out, more = pipeline.process(rows().slice(start, stop))
        parts.append(out["test_pipeline_2"].values)
        events += more
        saved = pipeline.states()
        pipeline = Pipeline([Sum("a"), Sum("b")])
        pipeline.restore(saved)
    assert_same_bits(np.concatenate(parts), whole["test_pipeline_2"].values)
    assert sorted(map(repr, events)) == sorted(map(repr, found))


def test_restored_memory_is_a_copy():
    pipeline = Pipeline([Sum()])
    pipeline.process(rows())
    saved = pipeline.states()
    other = Pipeline([Sum()])
    other.restore(saved)
    other.process(rows())
    assert saved["a"]["test_pipeline"]["total"][0] == rows().values.sum()


def test_memory_of_other_operators_is_refused():
    pipeline = Pipeline({"one": Sum()})
    pipeline.process(rows())
    with pytest.raises(StateError, match=r"'a'.*must be of operators \['two'\], got \['one'\]"):
        Pipeline({"two": Sum()}).restore(pipeline.states())


def test_what_is_no_operator_is_refused():
    with pytest.raises(ParameterError, match="'x' must be an Operator, got 3"):
        Pipeline({"x": 3})


class Pairs(Operator):
    """Gives on the mean of every two rows."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        held = self.state.setdefault("held", np.empty((0, batch.schema.n_channels)))
        times = self.state.setdefault("times", np.empty(0, np.int64))
        values = np.concatenate([held, batch.values])
        when = np.concatenate([times, batch.times])
        whole = len(values) // 2 * 2
        self.state = {"held": values[whole:], "times": when[whole:]}
        means = values[:whole].reshape(-1, 2, values.shape[1]).mean(axis=1)
        return Batch(batch.key, when[1:whole:2], means, batch.schema), []

    def input_index(self, index):
        return 2 * index + 1


def forked():
    return Pipeline(
        {"raw": Sum("raw"), "pairs": Pairs(), "sums": Sum("sums"), "twice": Doubled()},
        {"pairs": "source", "twice": "pairs"},
    )


def test_rows_go_on_from_a_place_to_several_operators():
    pipeline = forked()
    assert pipeline.outputs == ("raw", "sums", "twice")
    assert pipeline.operators_before("sums") == ("pairs", "sums")
    out, events = pipeline.process(rows(400))
    keys = {place: (batch.key, batch.n_rows) for place, batch in out.items()}
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
    alone, found = Pipeline([Pairs(), Sum("sums")]).process(rows(400))
    assert_same_bits(alone["test_pipeline_2"].values, out["sums"].values)
    told = [event.alarm_index for event in events if event.detector == "sums"]
    assert told == [event.alarm_index for event in found]


def test_a_branch_of_a_series_without_a_name_has_that_of_its_operator():
    out, _ = forked().process(rows(key=""))
    assert [out[end].key for end in ("raw", "sums", "twice")] == ["", "pairs", "pairs/twice"]


def test_an_operator_follows_only_what_stands_before_it():
    with pytest.raises(ParameterError, match=r"a\.after must be one of \['source'\].*got 'b'"):
        Pipeline({"a": Sum(), "b": Sum()}, {"a": "b"})
    with pytest.raises(ParameterError, match="after must be of operators"):
        Pipeline({"a": Sum()}, {"c": "a"})
    with pytest.raises(ParameterError, match="no operator may be called 'source'"):
        Pipeline({"source": Sum()})


@pytest.mark.parametrize("keys", [("a", "a/pairs"), ("a/pairs", "a")])
def test_a_branch_never_shares_its_name_with_a_series_of_the_source(keys):
    pipeline = forked()
    first, second = keys
    pipeline.process(rows(key=first))
    with pytest.raises(DataError, match=r"got 'a/pairs' of series .* another label"):
        pipeline.process(rows(key=second))
    assert list(pipeline.states()) == [first]
