"""A run at its edges: what ends, stops, reloads or is run again there equals a run in one go."""

import random
import sqlite3
import threading
from contextlib import closing, contextmanager

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.core import Batch, Operator, Schema, Source
from streamlyt.core.errors import RebalanceError
from streamlyt.engines import LocalEngine, RunMetrics
from streamlyt.engines._runtime.prefetch import Prefetcher
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile, _writer
from streamlyt.transforms import Reorder, TumblingWindow
from tests.engines.grouped_rows import Plain, run_file
from tests.engines.simulation.runs import Case, Member, topic_of, twin
from tests.engines.simulation.schedules import differences

BATCH = 5  # rows


class Walk(Source):
    """Rows of three series in batches; its number of rows may grow."""

    schema = Schema.of("x")

    def __init__(self, n=60):
        self.n, self.at = n, {}

    def get_params(self):
        return {}

    def read(self, start=None):
        for row in range(int(start["row"]) if start else 0, self.n, BATCH):
            happens = self.at.pop(row, None)
            if isinstance(happens, BaseException):
                raise happens
            if happens is not None:
                happens()
            rows = np.arange(row, row + BATCH)
            key = "abc"[row // BATCH % 3]
            yield Batch(key, rows, rows[:, None].astype(float), self.schema), {"row": row + BATCH}


class Sum(Operator):
    """The sum of all values; a new weight adds 1000."""

    reloadable_params = frozenset({"weight"})

    def __init__(self, weight=1.0):
        self.weight, self.state = weight, {}

    def update(self, batch):
        sums = self.state.get("sum", np.zeros(1)) + np.cumsum(self.weight * batch.values[:, 0])
        if batch.n_rows:
            self.state = {"sum": sums[-1:]}
        return batch.with_values(sums[:, None], batch.schema), []

    def on_params_changed(self):
        self.state = {"sum": self.state["sum"] + 1000}


def windows(weight=1.0):
    return Pipeline({"reorder": Reorder(4), "sum": Sum(weight), "mean": TumblingWindow(7)})


def sums(weight=1.0):
    return Pipeline({"sum": Sum(weight)})


@contextmanager
def life(path, pipeline, source=None, sinks=(), **rest):
    """One process of a run."""
    source = source or Walk()
    text = dump(source, pipeline.operators, ())
    with run_file(path, text) as run:
        settings = {"checkpoint_interval_s": 1e9} | rest
        yield LocalEngine(source, pipeline, sinks, run, **settings)


def rows_of(path):
    with RunFile.open(path) as run:
        return {key: np.column_stack(run.columns(key)).tolist() for key in sorted(run.states())}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_states_of_batches_that_were_dropped_are_not_saved(tmp_path, threads):
    def give_up(rows):
        if rows >= 3 * BATCH:
            raise BrokenPipeError("the terminal is gone")

    with life(tmp_path / "whole.streamlyt", sums()) as engine:
        engine.run()
    with life(tmp_path / "a.streamlyt", sums(), threads=threads) as engine:
        engine.source.at = {}
        with pytest.raises(BrokenPipeError):
            engine.run(give_up)
    with life(tmp_path / "a.streamlyt", sums()) as engine:
        engine.run()
    assert rows_of(tmp_path / "a.streamlyt") == rows_of(tmp_path / "whole.streamlyt")


@pytest.mark.parametrize("path", ["with text", "without text"])
def test_new_parameters_hold_after_a_rebalance_too(tmp_path, path):
    found = []
    for name, moves in (("whole", {}), ("moved", {40: RebalanceError("partitions moved")})):
        source = Walk()
        file = tmp_path / f"{name}.streamlyt"
        if path == "without text":
            RunFile.create(file, pipeline="").close()
        with life(file, sums(), source) as engine:
            source.at = {20: lambda one=engine: one.update_params(sums(2.0)), **moves}
            engine.run()
        found.append(rows_of(file))
    assert found[0] == found[1]
    assert max(found[0]["a"])[1] > 1000


def test_new_parameters_that_come_during_a_switch_are_not_lost(tmp_path):
    with life(tmp_path / "a.streamlyt", sums()) as engine:
        second = sums(3.0)

        class Switching(Sum):
            def on_params_changed(self):
                super().on_params_changed()
                engine.update_params(second)

        first = Pipeline({"sum": Switching(2.0)})
        engine.source.at = {20: lambda: setattr(engine, "_new_params", first)}
        engine.run()
        assert engine.pipeline is second
        assert "weight = 3.0" in engine.runfile.meta["pipeline"]


def test_a_return_to_a_checkpoint_under_old_parameters_adapts_its_states_again(tmp_path):
    path = tmp_path / "a.streamlyt"
    for file in (tmp_path / "whole.streamlyt", path):
        source = Walk()
        with life(file, sums(), source) as engine:
            source.at = {20: lambda one=engine: one.update_params(sums(2.0)), 25: engine.stop}
            engine.run()
    with closing(sqlite3.connect(path)) as db, db:  # the first checkpoint is that before the change
        db.execute("UPDATE states SET blob = x'00' WHERE step > 1 AND operator = 'sum'")
    db.close()
    for file in (tmp_path / "whole.streamlyt", path):
        with life(file, sums(2.0)) as engine:
            engine.run()
    assert rows_of(path) == rows_of(tmp_path / "whole.streamlyt")


@pytest.mark.parametrize("nth", [1, 5])
def test_a_run_that_was_interrupted_as_a_commit_returned_can_be_run_again(
    tmp_path, monkeypatch, nth
):
    path, own, made = tmp_path / "a.streamlyt", _writer.transaction, []

    @contextmanager
    def interrupted(db):
        with own(db):
            yield
        made.append(1)
        if len(made) == nth:
            raise KeyboardInterrupt  # the signal came while the commit waited for the disk

    with life(tmp_path / "whole.streamlyt", windows()) as engine:
        engine.run()
    with life(path, windows(), checkpoint_interval_rows=1) as engine:
        monkeypatch.setattr(_writer, "transaction", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.run()
        engine.run()
    assert rows_of(path) == rows_of(tmp_path / "whole.streamlyt")


@pytest.mark.parametrize("interval", [1, 10**9])
@pytest.mark.parametrize("ends", ["stopped in the end", "complete"])
def test_a_source_that_grows_after_its_end_is_read_as_in_one_go(tmp_path, ends, interval):
    path, sink, whole_sink = tmp_path / "a.streamlyt", Plain(), Plain()
    with life(tmp_path / "whole.streamlyt", windows(), sinks=[whole_sink]) as engine:
        engine.run()
    rest = {"sinks": [sink], "checkpoint_interval_rows": interval}
    with life(path, windows(), Walk(25), **rest) as engine:
        if ends == "stopped in the end":
            finish = engine.pipeline.finish

            def stop_and_finish(batch):
                engine.stop()
                return finish(batch)

            engine.pipeline.finish = stop_and_finish
            assert not engine.run().complete
        else:
            assert engine.run().complete
    for _ in range(4):  # the last ones read nothing
        with life(path, windows(), **rest) as engine:
            summary = engine.run()
            assert (summary.rows, summary.complete) == (60, True)
    assert rows_of(path) == rows_of(tmp_path / "whole.streamlyt")
    assert sink.rows == whole_sink.rows


@pytest.mark.parametrize("kind", ["kill", "stop", "interrupt", "error"])
def test_the_end_of_a_source_comes_out_once_wherever_it_is_cut(tmp_path, kind):
    case = Case(data=1, n=12, files=0)
    expected, n_calls = twin(case, tmp_path, random.Random(5))
    for call in range(n_calls - 25, n_calls + 1):
        folder = tmp_path / f"{kind} {call}"
        folder.mkdir()
        member = Member(case, topic_of(case), random.Random(5), folder)
        member.live({call: kind})
        assert member.live() == "complete"
        assert differences(expected, member.outcome()) == [], call


def test_a_reading_whose_end_was_interrupted_gives_no_rows_to_the_next(monkeypatch):
    class Slow(Walk):
        def read(self, start=None):
            for each in super().read(start):
                yield each
                go_on.wait()

    go_on, prefetcher = threading.Event(), Prefetcher(Walk(), 2**20, RunMetrics())
    first = prefetcher.read(Slow().read())
    next(first)

    def interrupted(thread):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            first.close()
    threading.Timer(0.1, go_on.set).start()
    rows = [int(batch.times[0]) for batch, *_ in prefetcher.read(Walk().read())]
    assert rows == list(range(0, 60, BATCH))


def test_a_stop_within_a_group_of_rows_returns_to_before_it(tmp_path):
    class Groups(Walk):
        """Two batches belong together; a stop ends the source between them."""

        def read(self, start=None):
            for batch, position in super().read(start):
                first = position["row"] % (2 * BATCH) != 0
                yield batch, None if first else position
                if self.stopped:
                    return

        stopped = False

        def wakeup(self):
            self.stopped = True

    path, source = tmp_path / "a.streamlyt", Groups()
    with life(path, sums(), source) as engine:
        source.at = {20: engine.stop}
        assert engine.run().rows in (0, 20)  # without an interval there was no checkpoint
    with life(path, sums(), Groups()) as engine:
        assert engine.run().rows == 60
    with life(tmp_path / "whole.streamlyt", sums()) as engine:
        engine.run()
    assert rows_of(path) == rows_of(tmp_path / "whole.streamlyt")
