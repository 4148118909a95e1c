from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.connectors import MemorySink, MemorySource
from streamlyt.core import Batch, Schema, split_unordered
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.transforms import Reorder, TumblingWindow
from tests._arrays import assert_same_bits
from tests.transforms import naive

SCHEMA = Schema.of("x")


def came(times, rows=None):
    """Rows whose value is their arrival number, as a source hands them on."""
    values = np.arange(float(len(times)))[:, None] if rows is None else rows
    return split_unordered("", np.array(times, np.int64), values, SCHEMA)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(-20, 20), max_size=50), st.integers(0, 15), st.integers(1, 12))
def test_rows_are_emitted_as_defined(times, lateness, capacity):
    operator = Reorder(lateness, capacity)
    out, late = [], []
    for batch in came(times):
        out.append(operator.update(batch)[0])
        late += [int(x) for one in operator.late_rows() for x in one.values[:, 0]]
    expected, expected_late, held = naive.ordered(times, lateness, capacity)
    assert [int(x) for b in out for x in b.values[:, 0]] == expected
    assert late == expected_late
    none = Batch("", np.zeros(0), np.zeros((0, 1)), SCHEMA)
    rest, _ = operator.finish(none)
    assert rest.values[:, 0].tolist() == held
    assert [operator.input_index(i) for i in range(len(expected + held))] == expected + held
    if times:
        assert operator.state["late"] == len(expected_late)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=50), st.lists(st.integers(0, 50)))
def test_rows_do_not_depend_on_the_cut(times, cuts):
    edges = [0, *sorted(c % len(times) for c in cuts), len(times)]
    one, other = Reorder(4, 6), Reorder(4, 6)
    whole = [one.update(batch)[0] for batch in came(times)]
    parts = []
    for start, stop in pairwise(edges):
        values = np.arange(float(start), float(stop))[:, None]
        parts += [other.update(batch)[0] for batch in came(times[start:stop], values)]
    assert_same_bits(
        np.concatenate([b.values for b in whole]), np.concatenate([b.values for b in parts])
    )
    assert repr(one.state) == repr(other.state)


def test_memory_stays_within_the_capacity():
    operator = Reorder(10**9, max_buffered_rows=100)
    for start in range(0, 10_000, 50):
        out, _ = operator.update(Batch("", np.arange(start, start + 50), np.zeros((50, 1)), SCHEMA))
    assert operator.state["times"].size == 100
    assert out.n_rows == 50


def test_finish_shows_only_the_late_rows_of_its_own_batch():
    operator = Reorder(0)
    operator.update(Batch("", [5, 9], [[0.0], [1.0]], SCHEMA))
    operator.update(Batch("", [1], [[2.0]], SCHEMA))
    assert [batch.times.tolist() for batch in operator.late_rows()] == [[1]]
    operator.finish(Batch("", [2], [[3.0]], SCHEMA))
    assert [batch.times.tolist() for batch in operator.late_rows()] == [[2]]
    assert operator.state["late"].tolist() == [2]
    operator.finish(Batch("", np.zeros(0), np.zeros((0, 1)), SCHEMA))
    assert operator.late_rows() == []
    operator.update(Batch("", [3], [[4.0]], SCHEMA))
    operator.update(Batch("", np.zeros(0), np.zeros((0, 1)), SCHEMA))
    assert operator.late_rows() == []


def test_finish_without_rows_keeps_no_state_and_with_rows_returns_them():
    operator = Reorder(10)
    none = Batch("", np.zeros(0), np.zeros((0, 1)), SCHEMA)
    assert operator.finish(none) == (none, [])
    assert operator.state == {}
    out, events = operator.finish(Batch("", [3, 4], [[0.0], [1.0]], SCHEMA))
    assert (out.times.tolist(), out.values.tolist(), events) == ([3, 4], [[0.0], [1.0]], [])
    assert operator.state["times"].size == 0


def test_a_late_row_may_stop_the_run():
    operator = Reorder(2, late="raise")
    operator.update(Batch("", [10], [[0.0]], SCHEMA))
    before = repr(operator.state)
    with pytest.raises(
        DataError, match=r"after the watermark 8 \(max_out_of_orderness 2\), got 7 step"
    ):
        operator.update(Batch("", [7], [[0.0]], SCHEMA))
    assert repr(operator.state) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_out_of_orderness": -1}, "max_out_of_orderness must be at least 0"),
        ({"max_out_of_orderness": "soon"}, "max_out_of_orderness must be a whole number"),
        ({"max_buffered_rows": 0}, "max_buffered_rows must be at least 1"),
        ({"late": "drop"}, "late must be 'side_output' or 'raise'"),
    ],
)
def test_invalid_parameters_are_rejected(given, message):
    with pytest.raises(ParameterError, match=message):
        Reorder(**given)


def stream(seed=3, n=24_000):
    """Rows with a change, and an order in which each comes at most 30 after a later one."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3))
    values[2 * n // 3 :] += 1.0
    order = np.argsort(np.arange(n) + rng.uniform(0, 30, size=n), kind="stable")
    return np.arange(n), values, order


def found(times, values, operators, runfile=None):
    sink = MemorySink()
    source = MemorySource(
        values, times, Schema.of("x", "y", "z"), "pump", 500, out_of_order="allow"
    )
    summary = LocalEngine(source, Pipeline(operators), [sink], runfile).run()
    return summary, sink


def test_shuffled_rows_within_the_lateness_give_the_events_of_the_rows_in_order(tmp_path):
    times, values, order = stream()
    steps = [TumblingWindow(4, ["mean"]), NEWMA(window=40)]
    plain, kept = found(times, values, steps)
    assert plain.events
    # Far later ones among them: they must change nothing, and be accounted for.
    late = np.sort(np.random.default_rng(0).choice(10_000, size=37, replace=False))
    shuffled = [*order[:12_000], *late, *order[12_000:]]
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as run:
        summary, sink = found(times[shuffled], values[shuffled], [Reorder(30), *steps], run)
        assert_same_bits(sink.values(), kept.values())
        assert sink.times().tolist() == kept.times().tolist()
        moved = [(e.alarm_time, e.change_time, e.statistic) for e in summary.events]
        assert moved == [(e.alarm_time, e.change_time, e.statistic) for e in plain.events]
        late_batches = run.late_rows()
        assert int(run.states()["pump"]["reorder"]["late"][0]) == 37
    assert [t for one in late_batches for t in one.times] == late.tolist()
    assert [t for one in sink.late_batches for t in one.times] == late.tolist()
    np.testing.assert_array_equal(
        np.concatenate([one.values for one in late_batches]), values[late]
    )
    assert late_batches[0].schema.channel_names == ("x", "y", "z")


def test_downstream_events_refer_to_source_rows():
    times, values, order = stream(n=3000)
    summary, _ = found(times[order], values[order], [Reorder(30), NEWMA(window=40)])
    event = summary.events[0]
    assert times[order][event.alarm_index] == event.alarm_time
    assert times[order][event.change_index] == event.change_time
