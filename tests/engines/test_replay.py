"""What an error changes of what comes after it: nothing is committed back, nothing half done."""

from contextlib import contextmanager

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import FileSink, FileSource
from streamlyt.core import Batch, Operator, Schema, Sink, Source
from streamlyt.core.errors import RebalanceError, SinkError, SourceError, StateError, closing_all
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

ROWS, SAVED, COMMITTED = 10, 2, 6


class Died(BaseException):
    """The end of a process."""


class Topic:
    """What is durable outside: rows that came out, and the position that was committed."""

    def __init__(self):
        self.out, self.positions = [], []

    @property
    def committed(self):
        return self.positions[-1] if self.positions else 0


class Numbers(Source):
    """Rows 0 to 9, one at a time; at one of them, and when asked for the position, it may fail."""

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
    """A sink with transactions; after one of its commits, or instead of one, it may fail."""

    is_transactional = True

    def __init__(self, topic):
        self.topic, self.held = topic, []
        self.dies_at, self.fails = None, None

    def get_params(self):
        return {}

    def open(self):
        self.held = []

    def write_rows(self, batch):
        self.held += batch.times.tolist()

    def write_event(self, event):
        raise AssertionError("there are no findings")

    def flush(self):
        raise AssertionError("it is committed")

    def abort(self):
        self.held = []
        if self.fails is not None:
            raise self.fails

    def commit(self, source, position):
        if self.fails is not None:
            raise self.fails
        self.topic.out += self.held
        self.topic.positions.append(int(position["0"]))
        self.held = []
        if self.topic.committed == self.dies_at:
            raise Died


class Last(Operator):
    """Holds each row back until the next has come."""

    reloadable_params = frozenset({"weight"})

    def __init__(self, weight=1.0):
        self.weight = weight
        self.state = {}

    def update(self, batch):
        rows = np.vstack([self.state.get("row", np.empty((0, 1))), batch.values])
        self.state = {"row": rows[-1:]}
        return batch, []


@contextmanager
def life(path, topic, **rest):
    """One life of a run: its engine, its source and its sink."""
    source, sink = Numbers(topic), Transactions(topic)
    pipeline = Pipeline([Last(rest.pop("weight", 1.0))])
    if path.exists():
        run = RunFile.open(path, write=True)
    else:
        run = RunFile.create(path, pipeline=dump(source, pipeline.operators, ()))
    with run:
        settings = {"checkpoint_interval_rows": COMMITTED, "checkpoint_interval_s": 1e9} | rest
        yield LocalEngine(source, pipeline, [sink], run, **settings), source, sink


@pytest.fixture
def cut(tmp_path):
    """A run that died between the sink's commit of six rows and the run file's; that has two."""
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


SETTINGS = [
    {},
    {"threads": 2},
    {"prefetch_bytes": 2**20},
    {"checkpoint_interval_rows": 1},
    {"checkpoint_interval_rows": 2, "threads": 2, "prefetch_bytes": 300},
]


@pytest.mark.parametrize("rest", SETTINGS, ids=str)
@pytest.mark.parametrize("failure", [SourceError("broker away"), OSError("cut"), Died()])
def test_a_failure_at_any_row_of_a_replay_brings_no_row_out_twice(cut, failure, rest):
    path, topic = cut
    for row in range(SAVED, COMMITTED):
        with life(path, topic, **rest) as (engine, source, _):
            source.failures[row] = failure
            with pytest.raises(type(failure)):
                engine.run()
        assert topic.positions == [SAVED, COMMITTED]
    finish(path, topic, **rest)


@pytest.mark.parametrize("rest", SETTINGS, ids=str)
@pytest.mark.parametrize("row", range(SAVED, ROWS))
def test_one_failure_and_then_the_rest(cut, row, rest):
    path, topic = cut
    with life(path, topic, **rest) as (engine, source, _):
        source.failures[row] = SourceError("broker away")
        with pytest.raises(SourceError):
            engine.run()
    finish(path, topic, **rest)


@pytest.mark.parametrize("row", range(SAVED, ROWS))
def test_partitions_that_move_during_a_replay_do_not_end_the_silence(cut, row):
    path, topic = cut
    with life(path, topic, checkpoint_interval_rows=1) as (engine, source, _):
        source.failures[row] = RebalanceError("partitions moved")
        engine.run()
    finish(path, topic)


@pytest.mark.parametrize("row", range(SAVED, ROWS))
def test_a_stop_during_a_replay_commits_nothing_back(cut, row):
    path, topic = cut
    with life(path, topic) as (engine, source, _):
        source.failures[row] = engine.stop
        assert not engine.run().complete
    assert topic.positions == sorted(topic.positions)
    finish(path, topic)


def test_a_stop_before_the_first_row_commits_nothing_back(cut):
    path, topic = cut
    with life(path, topic, weight=2.0) as (engine, source, _):
        source.failures["committed"] = engine.stop
        engine.run()
    assert topic.positions == [SAVED, COMMITTED]
    finish(path, topic, weight=2.0)


@pytest.mark.parametrize("weight", [1.0, 2.0])
def test_a_position_that_cannot_be_asked_for_commits_nothing_back(cut, weight):
    """Other free parameters are something to save, at the position of the run file."""
    path, topic = cut
    with life(path, topic, weight=weight) as (engine, source, _):
        source.failures["committed"] = SourceError("broker away")
        with pytest.raises(SourceError):
            engine.run()
    assert topic.positions == [SAVED, COMMITTED]
    finish(path, topic, weight=weight)


def test_a_position_that_cannot_be_asked_for_after_a_rewind_commits_nothing_back(cut):
    path, topic = cut
    with life(path, topic) as (engine, source, _):
        source.failures[8] = RebalanceError("partitions moved")

        def away():
            source.failures["committed"] = SourceError("broker away")

        source.failures[7] = away
        with pytest.raises(SourceError):
            engine.run()
    assert topic.positions == [SAVED, COMMITTED]
    finish(path, topic)


@pytest.mark.parametrize("failure", [SourceError("broker away"), StateError("bent"), Died()])
def test_the_first_error_is_raised_where_no_checkpoint_can_be_made_after_it(tmp_path, failure):
    """A daemon tries again after some errors and not after others: it must see the first."""
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, source, sink):
        source.failures[4] = failure
        sink.fails = SinkError("disk full")
        with pytest.raises(type(failure)) as raised:
            engine.run()
    assert raised.value is failure
    assert failure.__notes__[-1] == "no checkpoint could be made after it: disk full"
    finish(path, topic)


def test_a_rewind_that_fails_leaves_the_last_checkpoint(tmp_path):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic, checkpoint_interval_rows=3) as (engine, source, sink):
        source.failures[5] = RebalanceError("partitions moved")

        def fail():
            sink.fails = SinkError("no answer")

        source.failures[4] = fail
        with pytest.raises(SinkError, match="no answer"):
            engine.run()
    assert topic.positions == [3]
    finish(path, topic)


def test_states_that_cannot_be_restored_after_a_rewind_are_not_saved(tmp_path, monkeypatch):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic, checkpoint_interval_rows=3) as (engine, source, _):
        source.failures[5] = RebalanceError("partitions moved")

        def bend():
            def restore(states):
                raise StateError("bent")

            monkeypatch.setattr(engine.pipeline, "restore", restore)

        source.failures[4] = bend
        with pytest.raises(StateError, match="bent"):
            engine.run()
    assert topic.positions == [3]
    finish(path, topic)


def test_memory_that_cannot_be_adopted_moves_no_position(tmp_path, monkeypatch):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, _, _):
        monkeypatch.setattr(engine._moves, "adopt", lambda position: ({"0": 8}, {"a": {}}))

        def restore(states):
            if "a" in states:
                raise StateError("of another operator")

        monkeypatch.setattr(engine.pipeline, "restore", restore)
        with pytest.raises(StateError, match="of another operator"):
            engine.run()
    assert topic.positions == []
    finish(path, topic)


def test_an_end_that_is_cut_short_does_not_save_what_operators_let_go(tmp_path, monkeypatch):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, _, _):
        start = engine._lanes.start

        def dies_after(*given, last=False):
            start(*given, last=last)
            if last:
                raise Died

        monkeypatch.setattr(engine._lanes, "start", dies_after)
        with pytest.raises(Died):
            engine.run()
    assert topic.positions == [COMMITTED]
    finish(path, topic)


class Refuses(Last):
    """Refuses a row, once."""

    take_dead_letters = None

    def update(self, batch):
        if batch.n_rows and batch.times[0] == type(self).take_dead_letters:
            type(self).take_dead_letters = None
            raise StateError("bent")
        return super().update(batch)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("row", [0, 1, 5, 9])
@pytest.mark.parametrize("failing", ["operator", "run file"])
def test_a_run_that_failed_and_closed_its_files_is_resumed(
    tmp_path, monkeypatch, name, row, failing
):
    """Before its first checkpoint, too: the file is then not taken for another's."""
    path, out = tmp_path / "a.streamlyt", tmp_path / name

    def lived():
        source, pipeline, sink = Numbers(Topic()), Pipeline([Refuses()]), FileSink(out)
        if path.exists():
            run = RunFile.open(path, write=True)
        else:
            run = RunFile.create(path, pipeline=dump(source, pipeline.operators, ()))
        with run, closing_all(sink):
            return LocalEngine(source, pipeline, [sink], run, checkpoint_interval_rows=4).run().rows

    def full(*_, rows, **__):
        raise SinkError("disk full")

    with monkeypatch.context() as patch:
        if failing == "operator":
            patch.setattr(Refuses, "refused", row)
            expected = StateError
        else:
            patch.setattr(RunFile, "checkpoint", full)
            expected = SinkError
        with pytest.raises(expected):
            lived()
    assert lived() == ROWS
    written = FileSource(out, time="time", key="key").read()
    assert [t for batch, _ in written for t in batch.times.tolist()] == list(range(ROWS))
