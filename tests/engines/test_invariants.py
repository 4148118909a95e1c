"""The ten invariants of the local engine, each a test of that number."""

import threading

import numpy as np
import pytest

from streamlyt.core import Batch
from streamlyt.core.errors import RebalanceError, SinkError, SourceError, StateError
from streamlyt.engines import LocalEngine, SharedStateStore
from streamlyt.engines._recovery.progress import Phase
from streamlyt.engines._runtime.keyed_executor import KeyedExecutor
from streamlyt.pipeline import Pipeline
from tests.engines.grouped_rows import GROUP, Plain, Rows, Total, calls, content, engine, run_file
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


@pytest.fixture
def expected(tmp_path):
    """What a run that nothing interrupts leaves in its run file and in a plain sink."""
    sink = Plain()
    with run_file(tmp_path / "whole.streamlyt") as run:
        engine(Rows(), run, [sink]).run()
    return content(tmp_path / "whole.streamlyt"), sink.rows, sink.events


def test_at_most_eight_attributes_of_an_engine_are_assigned_while_it_runs(tmp_path):
    assigned = set()

    class Watched(LocalEngine):
        def __setattr__(self, name, value):
            assigned.add(name)
            super().__setattr__(name, value)

    with run_file(tmp_path / "a.streamlyt") as run:
        source = Rows()
        one = Watched(source, Pipeline([Total()]), [], run, checkpoint_interval_rows=1)
        source.failures = {
            4: lambda: one.update_params(Pipeline([Total(2.0)])),
            7: RebalanceError("partitions moved"),
            10: one.stop,
        }
        assigned.clear()
        one.run()
    assert len(assigned) <= 8, assigned


@pytest.mark.parametrize("failing", ["nothing", "sink", "operator"])
def test_invariant_1_checkpoints_are_made_at_batch_boundaries_only(tmp_path, monkeypatch, failing):
    sink, saved = Plain(), []
    with run_file(tmp_path / "a.streamlyt") as run:
        one = engine(Rows(), run, [sink], checkpoint_interval_rows=1)
        save = run.checkpoint

        def record(positions, states, **meta):
            saved.append((positions["grouped_rows"]["row"], meta["rows"], meta["complete"]))
            save(positions, states, **meta)

        monkeypatch.setattr(run, "checkpoint", record)
        if failing == "sink":
            sink.fails_at = 7
        if failing == "operator":
            update = Total.update

            def reject(self, batch):
                if 7 in batch.times:
                    raise StateError("row 7 is rejected")
                return update(self, batch)

            monkeypatch.setattr(Total, "update", reject)
        if failing == "nothing":
            one.run()
        else:
            with pytest.raises((SinkError, StateError)):
                one.run()
    ends = [(3, 3, False), (6, 6, False)]
    if failing == "nothing":  # the last one is at the end of the source, without a new position
        ends += [(9, 9, False), (12, 12, False), (12, 12, True)]
    assert saved == ends


class Parted(Numbers):
    """The rows of one partition, whose states follow it."""

    def assigned_partitions(self):
        return ["0"]

    def partition_of(self, key):
        return "0"


def test_invariant_2_a_commit_has_one_order(tmp_path, monkeypatch):
    order, topic, plain = [], Topic(), Plain()
    shared = SharedStateStore(tmp_path / "states", "a")
    parts = {"source": Parted(topic), "state_store": shared}
    with life(tmp_path / "a.streamlyt", topic, plain, **parts) as (one, source, sink):
        calls(monkeypatch, order, plain, "flush", "flush")
        calls(monkeypatch, order, sink, "commit_transaction", "transaction")
        calls(monkeypatch, order, one.runfile, "checkpoint", "run file")
        calls(monkeypatch, order, shared, "save", "publish")
        calls(monkeypatch, order, one.metrics, "count_checkpoint", "checkpoint")
        source.commit = lambda position: order.append("source")
        one.run()
    whole = ["flush", "transaction", "run file", "publish", "checkpoint"]
    # The first commit ends the replay, here of nothing: the transactional sink has no part in it.
    assert order == ["flush", "run file", "checkpoint", *whole, *whole]


def test_invariant_2_the_source_commits_after_the_run_file(tmp_path, monkeypatch):
    order, source, plain = [], Rows(), Plain()
    with run_file(tmp_path / "a.streamlyt") as run:
        calls(monkeypatch, order, plain, "flush", "flush")
        calls(monkeypatch, order, run, "checkpoint", "run file")
        calls(monkeypatch, order, source, "commit", "source")
        engine(source, run, [plain], checkpoint_interval_rows=1).run()
    assert order == ["flush", "run file", "source"] * 5


@pytest.mark.parametrize("nth", range(5))
@pytest.mark.parametrize("step", ["flush", "run file", "source"])
def test_invariant_2_a_commit_that_fails_leaves_the_earlier_checkpoint(
    tmp_path, monkeypatch, expected, step, nth
):
    path, source, plain = tmp_path / "a.streamlyt", Rows(), Plain()
    with run_file(path) as run:
        owner, method = {
            "flush": (plain, "flush"),
            "run file": (run, "checkpoint"),
            "source": (source, "commit"),
        }[step]
        own, made = getattr(owner, method), []

        def fails(*args, **named):
            made.append(1)
            if len(made) > nth:
                raise SinkError(f"{step} failed")
            return own(*args, **named)

        with monkeypatch.context() as patch:
            patch.setattr(owner, method, fails)
            with pytest.raises(SinkError, match=f"{step} failed"):
                engine(source, run, [plain], checkpoint_interval_rows=1).run()
    with run_file(path) as run:
        covered = nth + (step == "source")  # the run file is saved before the source commits
        assert run.meta["rows"] == min(covered * GROUP, Rows.n)
        engine(Rows(), run, [plain]).run()
    assert (content(path), plain.rows, plain.events) == expected


def test_invariant_3_a_replay_is_seen_by_all_but_the_transactional_sink(cut, tmp_path, monkeypatch):
    path, topic = cut
    plain, published = Plain(), []
    with life(path, topic, plain) as (one, _, _):
        publish = one._migration.publish

        def record(position, *rest):
            published.append((one._phase, int(position["0"])))
            publish(position, *rest)

        monkeypatch.setattr(one._migration, "publish", record)
        one.run()
        assert plain.truncated == [(SAVED, 0)]
        assert one.pipeline.states()["a"]["lives"]["row"].tolist() == [[ROWS - 1.0]]
    assert plain.rows == list(range(SAVED, ROWS))
    assert topic.out == list(range(ROWS))
    assert published
    assert all(phase is not Phase.REPLAY and at > COMMITTED for phase, at in published)


def test_invariant_3_the_phase_outlives_an_exception(cut):
    path, topic = cut
    with life(path, topic) as (one, source, _):
        source.failures[COMMITTED - 1] = SourceError("broker away")
        with pytest.raises(SourceError):
            one.run()
        assert one._phase is Phase.REPLAY
        assert one.runfile.meta["rows"] == COMMITTED - 1  # a checkpoint was made
    assert topic.positions == [SAVED, COMMITTED]  # and none of it went to the sink
    finish(path, topic)


@pytest.mark.parametrize("rest", [{}, {"threads": 2}, {"prefetch_bytes": 2**20}], ids=str)
@pytest.mark.parametrize("failing", ["source", "sink"])
def test_invariant_4_what_a_source_gave_before_it_failed_counts(tmp_path, failing, rest):
    path, source, plain = tmp_path / "a.streamlyt", Rows(), Plain()
    with run_file(path) as run:
        one = engine(source, run, [plain], **rest)
        if failing == "source":
            source.failures[9] = SourceError("the wire was cut")
        else:
            plain.fails_at = 9
        with pytest.raises((SourceError, SinkError)):
            one.run()
        # Without an interval there is no checkpoint but the one after a failed source.
        assert run.meta["rows"] == (9 if failing == "source" else 0)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_invariant_5_outputs_and_errors_come_in_the_order_of_reading(expected, threads):
    plain = Plain()
    engine(Rows(), sinks=[plain], threads=threads).run()
    assert (plain.rows, plain.events) == expected[1:]
    plain = Plain()
    plain.fails_at, source = 5, Rows()
    source.failures[6] = SourceError("the wire was cut")  # read later, so not the error raised
    with pytest.raises(SinkError):
        engine(source, sinks=[plain], threads=threads).run()
    assert plain.rows == [0, 1, 2, 3, 4]


def test_invariant_5_without_threads_one_batch_is_pending_at_most():
    executor, batch = KeyedExecutor(1), Batch("a", [0], [[1.0]], Rows.schema)
    with executor.open():
        executor.submit(Pipeline([]), batch, None, [])
        assert executor.ready()


def test_invariant_6_a_rebalance_returns_to_the_run_file(tmp_path, monkeypatch):
    order, topic, plain = [], Topic(), Plain()
    rows = {"checkpoint_interval_rows": 4}
    with life(tmp_path / "a.streamlyt", topic, plain, **rows) as (one, source, sink):
        calls(monkeypatch, order, sink, "abort_transaction", "abort")

        def write_unsaved():
            one._series.activate(["another"])
            raise RebalanceError("partitions moved")

        source.failures[6] = write_unsaved
        source.failures[4] = lambda: order.append(dict(one._series.active))
        assert one.run().rows == ROWS
        assert list(one._series.active) == ["a"]
    assert plain.truncated == [(0, 0), (4, 0)]
    assert order == [{"a": None}, "abort"]
    assert plain.rows == topic.out == list(range(ROWS))


def test_invariant_6_pending_batches_are_discarded_before_states_are_restored():
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Pipeline):
        def process(self, batch):
            begun.set()
            go_on.wait()
            return super().process(batch)

    executor, batch = KeyedExecutor(2), Batch("a", [0], [[1.0]], Rows.schema)
    with executor.open():
        slow = Slow([])
        executor.submit(slow, batch, None, [])
        executor.submit(slow, batch, None, [])
        begun.wait()
        threading.Timer(0.05, go_on.set).start()
        executor.discard_pending()
        assert go_on.is_set()  # the batch under way was waited for
        assert len(executor) == 0


def test_invariant_7_the_source_is_used_only_while_the_prefetcher_is_paused(tmp_path):
    source = Rows()
    with run_file(tmp_path / "a.streamlyt") as run:
        engine(source, run, checkpoint_interval_rows=1, prefetch_bytes=2**20).run()
    assert source.committed_positions[-1] == Rows.n  # commit asserts that nothing is read meanwhile


def test_invariant_7_stop_and_update_params_set_one_field_each():
    source, woken = Rows(), []
    source.wakeup = lambda: woken.append(1)
    one = engine(source)
    before = dict(vars(one))
    one.stop()
    assert woken == [1]
    changed = Pipeline([Total(2.0)])
    one.update_params(changed)
    after = vars(one)
    different = {name for name, value in before.items() if after[name] is not value}
    assert different == {"_stopping", "_new_params"}
    assert after["_new_params"] is changed


def test_invariant_8_finish_runs_once_and_never_after_a_stop(tmp_path):
    path, source = tmp_path / "a.streamlyt", Rows()
    with run_file(path) as run:
        one = engine(source, run)
        source.failures[5] = one.stop
        assert not one.run().complete
        assert [by["grouped_rows"]["finished"][0] for by in run.states().values()] == [0, 0]
    for _ in range(2):
        with run_file(path) as run:
            assert engine(Rows(), run).run().complete
            assert [by["grouped_rows"]["finished"][0] for by in run.states().values()] == [1, 1]


def test_invariant_8_a_heartbeat_of_an_unknown_series_leaves_no_state(tmp_path):
    class Heartbeats(Rows):
        def read(self, start=None):
            for batch, position in super().read(start):
                yield Batch("unknown", [], np.empty((0, 1)), self.schema), None
                yield batch, position

    with run_file(tmp_path / "a.streamlyt") as run:
        engine(Heartbeats(), run).run()
        assert sorted(run.states()) == ["a", "b"]


def test_invariant_8_a_complete_run_is_read_again_from_its_end_only(tmp_path):
    with run_file(tmp_path / "a.streamlyt") as run:
        first, step = engine(Rows(), run).run(), run.meta["step"]
        source = Rows()
        source.failures = dict.fromkeys(range(Rows.n), AssertionError("it is read again"))
        assert (engine(source, run).run(), run.meta["step"]) == (first, step)


@pytest.mark.parametrize("rest", [{}, {"threads": 2}], ids=str)
def test_invariant_9_new_parameters_take_over_at_a_checkpoint(tmp_path, rest):
    path, topic = tmp_path / "a.streamlyt", Topic()
    with life(path, topic, **rest) as (one, source, _):
        changed = Pipeline([Last(2.0)])
        # Row 3 is read, and the change comes with the next batch.
        source.failures[4] = lambda: one.update_params(changed)

        def die():
            assert one.pipeline is changed
            raise Died

        source.failures[5] = die
        with pytest.raises(Died):
            one.run()
        assert topic.positions[0] == 4  # the rows before were committed under the old parameters
        assert "weight = 2.0" in one.runfile.meta["pipeline"]
    finish(path, topic, weight=2.0)


def test_invariant_9_the_run_file_names_new_parameters_though_no_row_comes(tmp_path):
    path, source = tmp_path / "a.streamlyt", Rows()
    text = 'operators = [{type = "grouped_rows", weight = 1.0}]\n'
    with run_file(path, text) as run:
        one = engine(source, run)
        source.failures[6] = one.stop
        one.run()
        before = run.states()
    with run_file(path) as run:
        source = Rows()
        source.read = lambda start=None: iter(())
        one = engine(source, run, weight=2.0)
        one.run()
        assert "weight = 2.0" in run.meta["pipeline"]
        for key, by_name in run.states().items():  # each series was dirty, by on_params_changed
            was = before[key]["grouped_rows"]["sum"]
            assert by_name["grouped_rows"]["sum"] == was + 1000


def test_invariant_10_without_news_there_is_no_commit(tmp_path, monkeypatch):
    saved, published, clock = [], [], iter(np.arange(1e4))

    class Idle(Rows):
        def read(self, start=None):
            yield from super().read(start)
            for _ in range(5):
                yield Batch("a", [], np.empty((0, 1)), self.schema), {"row": self.n}
            up_to_date.append(one.metrics.last_checkpoint_at)
            one.stop()
            yield Batch("a", [], np.empty((0, 1)), self.schema), {"row": self.n}

    up_to_date = []
    with run_file(tmp_path / "a.streamlyt") as run:
        one = engine(Idle(), run, checkpoint_interval_s=0, clock=lambda: float(next(clock)))
        calls(monkeypatch, saved, one._checkpointer, "commit", "commit")
        calls(monkeypatch, published, one._migration, "publish", "publish")
        calls(monkeypatch, up_to_date, one.metrics, "mark_up_to_date", "up to date")
        one.run()
    # One for each group of rows, and the last one of the run.
    assert len(saved) == Rows.n // GROUP + 1
    assert up_to_date.count("up to date") == 6
    assert len(published) == len(saved) + 6


def test_invariant_10_rows_and_seconds_add_up_over_resumptions(tmp_path):
    path, ticks = tmp_path / "a.streamlyt", iter(np.arange(1e4))
    seconds = []
    for rows in (3, 6, 9, 12):
        with run_file(path) as run:
            source = Rows()
            one = engine(source, run, clock=lambda: float(next(ticks)))
            if rows < Rows.n:
                source.failures[rows - 1] = one.stop
            summary = one.run()
            assert (summary.rows, summary.complete) == (rows, rows == Rows.n)
            seconds.append(summary.seconds)
    assert seconds[0] > 0
    assert seconds == sorted(set(seconds))
