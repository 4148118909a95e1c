"""A source and a transactional sink that fail where a test says, and runs of them."""

from contextlib import contextmanager

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.core import Batch, Operator, Schema, Sink, Source
from streamlyt.core.errors import SourceError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

ROWS, SAVED, COMMITTED = 10, 2, 6


class Died(BaseException):
    """The end of a process."""


class Topic:
    """Durable content of a topic: output rows, and committed positions."""

    def __init__(self):
        self.out, self.positions = [], []

    @property
    def committed(self):
        return self.positions[-1] if self.positions else 0


class Numbers(Source):
    """Rows 0 to 9, one at a time; reading a row, or the committed position, may fail."""

    schema = Schema.of("x")

    def __init__(self, topic):
        self.topic = topic
        self.failures = {}  # row -> what is raised once there, or called

    def get_params(self):
        return {}

    def read(self, start=None, stop=None):
        at, end = int((start or {"0": 0})["0"]), int(stop["0"]) if stop else ROWS
        while at < end:
            self._fail(at)
            yield Batch("a", [at], [[float(at)]], self.schema), {"0": at + 1}
            at += 1

    def committed(self):
        self._fail("committed")
        return {"0": self.topic.committed}

    def _fail(self, where):
        failure = self.failures.pop(where, None)
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            failure()


class Transactions(Sink):
    """A transactional sink; after one of its commits, or instead of one, it may fail."""

    is_transactional = True

    def __init__(self, topic):
        self.topic, self.held = topic, []
        self.dies_at, self.fails = None, None

    def get_params(self):
        return {}

    def init_transactions(self):
        self.held = []

    def write_rows(self, batch):
        self.held += batch.times.tolist()

    def write_event(self, event):
        raise AssertionError("there are no events")

    def flush(self):
        raise AssertionError("it is committed")

    def abort_transaction(self):
        self.held = []
        if self.fails is not None:
            raise self.fails

    def commit_transaction(self, source, position):
        if self.fails is not None:
            raise self.fails
        self.topic.out += self.held
        self.topic.positions.append(int(position["0"]))
        self.held = []
        if self.topic.committed == self.dies_at:
            raise Died


class Last(Operator):
    """Keeps the last row."""

    reloadable_params = frozenset({"weight"})

    def __init__(self, weight=1.0):
        self.weight = weight
        self.state = {}

    def update(self, batch):
        rows = np.vstack([self.state.get("row", np.empty((0, 1))), batch.values])
        self.state = {"row": rows[-1:]}
        return batch, []


@contextmanager
def life(path, topic, *plain_sinks, source=None, **rest):
    """One process of a run: its engine, its source and its transactional sink."""
    source, sink = source or Numbers(topic), Transactions(topic)
    pipeline = Pipeline([Last(rest.pop("weight", 1.0))])
    if path.exists():
        run = RunFile.open(path, write=True)
    else:
        run = RunFile.create(path, pipeline=dump(source, pipeline.operators, ()))
    with run:
        settings = {"checkpoint_interval_rows": COMMITTED, "checkpoint_interval_s": 1e9} | rest
        yield LocalEngine(source, pipeline, [sink, *plain_sinks], run, **settings), source, sink


def cut_run(tmp_path):
    """Return a run that died after the sink committed six rows; the run file has two."""
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, source, _):
        source.failures[SAVED] = SourceError("broker away")
        with pytest.raises(SourceError):
            engine.run()
    with life(path, topic, checkpoint_interval_rows=COMMITTED - SAVED) as (engine, _, sink):
        sink.dies_at = COMMITTED
        with pytest.raises(Died):
            engine.run()
    assert topic.out == list(range(COMMITTED))
    assert topic.positions == [SAVED, COMMITTED]
    return path, topic


def finish(path, topic, **rest):
    """Run to the end; each row is then out once, and in the run file once."""
    with life(path, topic, **rest) as (engine, _, _):
        assert engine.run().rows == ROWS
    assert topic.out == list(range(ROWS))
    assert topic.positions == sorted(topic.positions)
    with RunFile.open(path) as run:
        assert run.columns("a")[0].tolist() == list(range(ROWS))
