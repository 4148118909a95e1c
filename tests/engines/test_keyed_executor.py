"""Keyed parallelism: the output is that of one thread, in the same order."""

import threading

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import MemorySink
from streamlyt.core import Batch, Channel, Operator, Schema, Source
from streamlyt.core.errors import DataError, ParameterError, SourceError
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits
from tests._waiting import scaled

SCHEMA = Schema.of("x", "y")


class Many(Source):
    """Series in turn, in uneven batches, with heartbeats of known and unknown series between."""

    def __init__(self, rows=3000, keys=7, fail_at=None):
        self.rows, self.keys, self.fail_at = rows, keys, fail_at

    @property
    def schema(self):
        return SCHEMA

    def read(self, start=None):
        turn = int(start["turn"]) if start else 0
        done = {}
        for number in range(10**9):
            rng = np.random.default_rng(number)
            key, n = f"k{number % self.keys}", int(rng.integers(0, 90))
            at = done.get(key, 0)
            if min([done.get(f"k{i}", 0) for i in range(self.keys)]) >= self.rows:
                return
            if number == self.fail_at:
                raise SourceError("the wire was cut")
            values = rng.normal(size=(n, 2)) + (at > self.rows // 2) * (number % 3)
            done[key] = at + n
            if number >= turn:
                yield Batch(key, np.arange(at, at + n), values, SCHEMA), {"turn": number + 1}
            if number % 11 == 3 and number >= turn:
                yield Batch("unknown", [], np.empty((0, 2)), SCHEMA), {"turn": number + 1}


class Rejecting(Operator):
    """Reject a row of one series."""

    def __init__(self, key="k1", at=500):
        self.key, self.at = key, at
        self.state = {}

    def update(self, batch):
        seen = self.state.setdefault("n", np.zeros(1, np.int64))
        seen += batch.n_rows
        if batch.key == self.key and seen[0] > self.at:
            raise DataError(f"row {self.at} of {self.key} is rejected")
        schema = batch.schema.with_channels([*batch.schema.channels, Channel("n")])
        n = np.full(batch.n_rows, seen[0])
        return batch.with_values(np.column_stack([batch.values, n]), schema), []


def content(path):
    with RunFile.open(path) as run:
        keys = run.keys()
        rows = {key: run.columns(key) for key in keys}
        newest = "SELECT key, operator, hash, max(step) FROM states GROUP BY key, operator"
        hashes = sorted(row[:3] for row in run._rows(newest))
        return rows, hashes, run.events(), run.meta["rows"], run.position("test_keyed_executor")


def ran(path, source, operators, progress=None, **rest):
    sink, pipeline = MemorySink(), Pipeline(operators)
    if not path.exists():
        RunFile.create(path, pipeline=dump(source, pipeline)).close()
    with RunFile.open(path, write=True) as runfile:
        engine = LocalEngine(source, pipeline, [sink], runfile=runfile, **rest)
        summary = engine.run(None if progress is None else lambda n: progress(engine, n))
    return summary, list(sink.batches), list(sink.events)


@pytest.mark.bits
@pytest.mark.parametrize("rest", [{"threads": 2}, {"threads": 4, "prefetch_bytes": 10_000}])
def test_rows_events_and_states_do_not_depend_on_the_threads(tmp_path, rest):
    detectors = [NEWMA(window=20, n_components=64)]
    one = ran(tmp_path / "one.streamlyt", Many(), detectors, threads=1)
    several = ran(
        tmp_path / "several.streamlyt", Many(), detectors, checkpoint_interval_rows=777, **rest
    )
    assert len(one[2]) > 3
    assert_same_bits(several[1:], one[1:])
    assert several[0].series == one[0].series
    assert_same_bits(content(tmp_path / "several.streamlyt"), content(tmp_path / "one.streamlyt"))


def test_series_run_in_parallel(tmp_path):
    meet = threading.Barrier(2, timeout=scaled(30))

    class Meets(Operator):
        """Continues once two series are processed at the same time."""

        def __init__(self):
            self.state = {}

        def update(self, batch):
            if "met" not in self.state and batch.n_rows:
                meet.wait()
                self.state["met"] = np.ones(1)
            return batch, []

    # The first two series are on different threads.
    engine = LocalEngine(Many(500, keys=2), Pipeline([Meets()]), threads=2)
    assert engine.run().complete


@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_that_is_rejected_leaves_the_last_checkpoint(tmp_path, threads):
    path = tmp_path / "a.streamlyt"
    with pytest.raises(DataError, match="row 500 of k1 is rejected"):
        ran(path, Many(), [Rejecting()], threads=threads, checkpoint_interval_rows=1000)
    with RunFile.open(path) as run:
        saved = run.meta["rows"]
        assert saved > 1000
        assert sum(run.n_rows(key) for key in run.keys()) == saved  # noqa: SIM118 - no mapping
        states = run.states()
        assert all(states[key]["test_keyed_executor"]["n"] == run.n_rows(key) for key in states)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_source_gave_before_it_failed_is_kept(tmp_path, threads):
    path = tmp_path / "a.streamlyt"
    with pytest.raises(SourceError, match="the wire was cut"):
        ran(
            path,
            Many(fail_at=50),
            [Rejecting(at=10**6)],
            threads=threads,
            checkpoint_interval_s=1e9,
        )
    with RunFile.open(path) as run:
        assert run.position("test_keyed_executor") == {"turn": 50}


@pytest.mark.bits
def test_a_stopped_run_is_resumed_with_another_number_of_threads(tmp_path):
    def stop(engine, rows):
        if rows > 3000:
            engine.stop()

    detectors = [NEWMA(window=20, n_components=64)]
    whole, path = tmp_path / "whole.streamlyt", tmp_path / "a.streamlyt"
    ran(whole, Many(), detectors)
    first, came, events = ran(path, Many(), detectors, stop, threads=3)
    assert not first.complete
    _, rest, more = ran(path, Many(), detectors, threads=2)
    assert_same_bits(content(path), content(whole))
    _, *expected = ran(tmp_path / "b.streamlyt", Many(), detectors)
    assert_same_bits([came + rest, events + more], expected)


def test_zero_threads_are_rejected():
    with pytest.raises(ParameterError, match="threads must be at least 1, got 0"):
        LocalEngine(Many(), Pipeline([]), threads=0)
