"""After an error nothing is committed at an earlier position, and nothing half done is saved."""

import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import FileSink, FileSource
from streamlyt.core.errors import RebalanceError, SinkError, SourceError, StateError, closing_all
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests.engines.lives import (
    COMMITTED,
    ROWS,
    SAVED,
    Died,
    Last,
    Numbers,
    Topic,
    finish,
    life,
)

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
def test_a_rebalance_during_a_replay_does_not_end_the_suppression(cut, row):
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
def test_a_committed_position_that_cannot_be_read_commits_nothing_back(cut, weight):
    """New reloadable parameters are to be saved, at the position of the run file."""
    path, topic = cut
    with life(path, topic, weight=weight) as (engine, source, _):
        source.failures["committed"] = SourceError("broker away")
        with pytest.raises(SourceError):
            engine.run()
    assert topic.positions == [SAVED, COMMITTED]
    finish(path, topic, weight=weight)


def test_a_committed_position_that_cannot_be_read_after_a_rewind_commits_nothing_back(cut):
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
    """A daemon retries after some errors and not after others: it must see the first."""
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


def test_migrated_states_that_cannot_be_restored_move_no_position(tmp_path, monkeypatch):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, _, _):
        monkeypatch.setattr(
            engine._migration, "load_migrated", lambda position: ({"0": 8}, {"a": {}})
        )

        def restore(states):
            if "a" in states:
                raise StateError("of another operator")

        monkeypatch.setattr(engine.pipeline, "restore", restore)
        with pytest.raises(StateError, match="of another operator"):
            engine.run()
    assert topic.positions == []
    finish(path, topic)


def test_a_finish_that_fails_does_not_save_what_operators_released(tmp_path, monkeypatch):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic) as (engine, _, _):
        start = engine._executor.submit

        def dies_after(*given, last=False):
            start(*given, last=last)
            if last:
                raise Died

        monkeypatch.setattr(engine._executor, "submit", dies_after)
        with pytest.raises(Died):
            engine.run()
    assert topic.positions == [COMMITTED]
    finish(path, topic)


class Rejecting(Last):
    """Rejects a row, once."""

    rejected = None

    def update(self, batch):
        if batch.n_rows and batch.times[0] == type(self).rejected:
            type(self).rejected = None
            raise StateError("bent")
        return super().update(batch)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("row", [0, 1, 5, 9])
@pytest.mark.parametrize("failing", ["operator", "run file"])
def test_a_run_that_failed_and_closed_its_files_is_resumed(
    tmp_path, monkeypatch, name, row, failing
):
    """Before its first checkpoint, too: the file is then not taken for one of another run."""
    path, out = tmp_path / "a.streamlyt", tmp_path / name

    def lived():
        source, pipeline, sink = Numbers(Topic()), Pipeline([Rejecting()]), FileSink(out)
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
            patch.setattr(Rejecting, "rejected", row)
            expected = StateError
        else:
            patch.setattr(RunFile, "checkpoint", full)
            expected = SinkError
        with pytest.raises(expected):
            lived()
    assert lived() == ROWS
    written = FileSource(out, time_column="time", key_column="key").read()
    assert [t for batch, _ in written for t in batch.times.tolist()] == list(range(ROWS))
