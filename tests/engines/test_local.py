import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump
from streamlyt.core import Batch, Channel, Event, Operator, Schema, Sink, Source
from streamlyt.core.errors import ParameterError, SinkError, SourceError, StateError
from streamlyt.engines.local import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits
from tests._waiting import line_of

CHILD = "import sys; sys.path[:0] = ['.', sys.argv[1]]; import test_local as t; t.main(sys.argv[2])"
CHANNELS = 80  # more than a run file keeps row by row
# Twenty processes cannot end a run, however late each is killed; a batch has at most 90 rows.
LIFE_ROWS = 250
KILLED_ROWS = 20 * (90 + LIFE_ROWS + 90) + 400


class Walk(Source):
    """Two series of noise, in turn, in batches of uneven size."""

    def __init__(self, n=6000, pause_s=0.0, fail_at=None):
        self.n = n
        self.pause_s = pause_s
        self.fail_at = fail_at
        self.committed = []

    @property
    def schema(self):
        return Schema.of(*(f"x{i}" for i in range(CHANNELS)))

    def read(self, start=None):
        row = start["row"] if start else 0
        size = random.Random(row)
        while row < self.n:
            stop = min(self.n, row // 1000 * 1000 + 1000, row + size.randint(0, 90))
            values = np.array(
                [np.random.default_rng(r).normal(size=CHANNELS) for r in range(row, stop)]
            )
            key = "ab"[row // 1000 % 2]
            times = np.arange(row, stop)
            if self.fail_at is not None and stop > self.fail_at:
                raise SourceError("the wire was cut")
            yield Batch(key, times, values.reshape(-1, CHANNELS), self.schema), {"row": stop}
            row = stop
            time.sleep(self.pause_s)

    def commit(self, position):
        self.committed.append(dict(position))


class Drift(Operator):
    """An exponential mean that depends on the order of rows, with a large further state."""

    def __init__(self, forget=0.1, kept_rows=600):
        self.forget = forget
        self.kept_rows = kept_rows
        self.state = {}

    def update(self, batch):
        if not self.state:
            self.state = {
                "mean": np.zeros(1),
                "hot": np.zeros(1, bool),
                "kept": np.zeros((self.kept_rows, batch.schema.n_channels)),
                "n": np.zeros(1, np.int64),
            }
        out = np.empty(batch.n_rows)
        events = []
        for i, row in enumerate(batch.values):
            n = int(self.state["n"][0])
            self.state["kept"][n % self.kept_rows] = row
            mean = (1 - self.forget) * self.state["mean"] + self.forget * row[:3].sum()
            self.state.update(mean=mean, n=np.array([n + 1]))
            out[i] = mean[0]
            hot = abs(mean[0]) > 1.0
            if hot and not self.state["hot"][0]:
                t = int(batch.times[i])
                events.append(Event(batch.key, "?", n, t, n, t, float(mean[0]), 1.0))
            self.state["hot"] = np.array([hot])
        schema = batch.schema.with_channels([*batch.schema.channels, Channel("mean")])
        return batch.with_values(np.column_stack([batch.values, out]), schema), events


class Journal(Sink):
    """Records its calls."""

    def __init__(self, fail=False):
        self.fail = fail
        self.done = []

    def write_rows(self, batch):
        self.done.append(batch.n_rows)

    def write_event(self, event):
        self.done.append(event)

    def flush(self):
        self.done.append("flush")
        if self.fail:
            raise SinkError("the pipe is full")


@contextmanager
def engine(path, source, *, operators=None, **rest):
    pipeline = Pipeline([Drift()] if operators is None else operators)
    if path.exists():
        opened = RunFile.open(path, write=True)
    else:
        text = dump(source, pipeline.operators, ())
        opened = RunFile.create(path, pipeline=text, chunk_bytes=2**13)
    with opened as runfile:
        yield LocalEngine(source, pipeline, runfile=runfile, **rest)


def ran(path, source, on_rows=None, **rest):
    with engine(path, source, **rest) as one:
        return one.run(on_rows)


def content(path):
    """Rows on every level, states and events of a run."""
    with RunFile.open(path) as run:
        rows = {}
        for key in run.keys():  # noqa: SIM118 - a run file is no mapping
            times, values = run.columns(key)
            rows[key] = times, values
            seen = run.downsample(key, run.schema(key).channel_names, points=20)
            rows[key] += tuple(getattr(seen, part) for part in vars(seen))
        query = (
            "SELECT key, level, first_row, last_row, first_time, last_time, n, columns FROM chunks"
        )
        chunks = sorted(run._rows(query))
        newest = "SELECT key, operator, hash, max(step) FROM states GROUP BY key, operator"
        hashes = [row[:3] for row in run._rows(newest)]
        return rows, chunks, hashes, run.events(), run.meta["rows"], run.meta["complete"]


def test_rows_and_events_are_those_of_the_pipeline_alone(tmp_path):
    summary = ran(tmp_path / "a.streamlyt", Walk(500))
    source, pipeline = Walk(500), Pipeline([Drift()])
    expected = [pipeline.process(batch) for batch, _ in source.read()]
    events = tuple(event for _, found in expected for event in found)
    assert (summary.rows, summary.events, summary.complete) == (500, events, True)
    assert len(events) > 1
    with RunFile.open(tmp_path / "a.streamlyt") as run:
        _, values = run.columns("a", ["mean"])
        assert run.raw_channels("a") == ("mean",)
    assert_same_bits(
        values[:, 0], np.concatenate([rows["test_local"].values[:, -1] for rows, _ in expected])
    )


def test_without_a_run_file_the_summary_is_the_same(tmp_path):
    kept = ran(tmp_path / "a.streamlyt", Walk(500))
    alone = LocalEngine(Walk(500), Pipeline([Drift()])).run()
    assert (alone.rows, alone.events) == (kept.rows, kept.events)


def test_a_run_killed_at_twenty_random_moments_ends_as_one_that_was_not(tmp_path):
    ran(tmp_path / "whole.streamlyt", Walk(KILLED_ROWS))
    path = tmp_path / "killed.streamlyt"
    moments = random.Random(0)
    kills = 0
    while kills < 20:
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(path)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert line_of(child.stdout, "the second batch is processed") == "begins\n"
            time.sleep(moments.uniform(0.0, 0.09))
            child.send_signal(signal.SIGKILL)
        kills += 1
        assert child.returncode == -signal.SIGKILL, "the run ended before it was killed 20 times"
    with RunFile.open(path) as run:
        assert 0 < run.meta["rows"] < KILLED_ROWS
    ran(path, Walk(KILLED_ROWS, pause_s=0.01))
    assert_same_bits(content(path), content(tmp_path / "whole.streamlyt"))
    left = {file.name for file in tmp_path.iterdir() if file.name.startswith("killed")}
    assert left == {"killed.streamlyt", "killed.streamlyt.d"}


@pytest.mark.parametrize("rows", [1, 100, 10**6])
def test_how_often_checkpoints_are_made_changes_nothing(tmp_path, rows):
    one, other = tmp_path / "a.streamlyt", tmp_path / "b.streamlyt"
    ran(one, Walk(1500), checkpoint_interval_rows=rows)
    ran(other, Walk(1500))
    assert_same_bits(content(one), content(other))


def test_a_complete_run_is_not_run_again(tmp_path):
    first = ran(tmp_path / "a.streamlyt", Walk(500))
    with engine(tmp_path / "a.streamlyt", Walk(500)) as again:
        assert again.run() == first


def test_ctrl_c_between_batches_keeps_every_whole_batch(tmp_path):
    def interrupt(rows):
        if rows > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path / "a.streamlyt", Walk(500), interrupt, checkpoint_interval_s=1e9)
    with RunFile.open(tmp_path / "a.streamlyt") as run:
        saved = run.n_rows("a")
        assert saved > 200
        assert run.position("test_local") == {"row": saved}
        assert run.meta["complete"] is False
    seen = []
    summary = ran(tmp_path / "a.streamlyt", Walk(500), seen.append)
    assert seen[0] >= saved
    ran(tmp_path / "b.streamlyt", Walk(500))
    assert_same_bits(content(tmp_path / "a.streamlyt"), content(tmp_path / "b.streamlyt"))
    assert summary.complete


def test_ctrl_c_within_a_batch_leaves_the_last_checkpoint(tmp_path):
    class Interrupted(Drift):
        def update(self, batch):
            if batch.times.size and batch.times[-1] > 200:
                self.state["mean"] += 1
                raise KeyboardInterrupt
            return super().update(batch)

    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path / "a.streamlyt", Walk(500), operators=[Interrupted()], checkpoint_interval_s=0)
    ran(tmp_path / "a.streamlyt", Walk(500))
    ran(tmp_path / "b.streamlyt", Walk(500))
    assert_same_bits(content(tmp_path / "a.streamlyt"), content(tmp_path / "b.streamlyt"))


def test_a_stopped_run_is_resumed(tmp_path):
    with engine(tmp_path / "a.streamlyt", Walk(500)) as first:
        summary = first.run(lambda rows: first.stop() if rows > 200 else None)
    assert not summary.complete
    assert 200 < summary.rows < 300
    assert ran(tmp_path / "a.streamlyt", Walk(500)).rows == 500


def test_a_source_that_fails_leaves_what_it_gave(tmp_path):
    with engine(
        tmp_path / "a.streamlyt", Walk(500, fail_at=300), checkpoint_interval_s=1e9
    ) as first:
        with pytest.raises(SourceError, match="the wire was cut"):
            first.run()
        assert first.runfile.n_rows("a") > 200


def test_sinks_are_flushed_before_the_save_and_the_source_commits_after_it(tmp_path):
    order = []
    sink, source = Journal(), Walk(300)
    with engine(tmp_path / "a.streamlyt", source, sinks=[sink], checkpoint_interval_s=0) as one:
        save = one.runfile.checkpoint
        sink.flush = lambda: order.append("flush")
        one.runfile.checkpoint = lambda *a, **k: (order.append("save"), save(*a, **k))
        source.commit = lambda position: order.append("commit")
        one.run()
    assert order[:6] == ["flush", "save", "commit"] * 2
    assert sum(n for n in sink.done if isinstance(n, int)) == 300


def test_a_flush_that_fails_saves_nothing(tmp_path):
    source = Walk(300)
    with engine(tmp_path / "a.streamlyt", source, sinks=[Journal(fail=True)]) as one:
        with pytest.raises(SinkError, match="the pipe is full"):
            one.run()
        assert one.runfile.keys() == []
    assert source.committed == []


@pytest.mark.parametrize(
    ("source", "operators", "message"),
    [
        (Walk(500), [Drift(forget=0.2)], r"operators\.test_local\.forget must be 0\.1 .*got 0\.2"),
        (Walk(501), [Drift()], r"source\.n must be 500 .*got 501"),
        (Walk(500), [], "the number of operators must be 1 .*got 0"),
        (Walk(500, fail_at=3), [Drift()], r"source\.fail_at must be None .*got 3"),
    ],
)
def test_another_pipeline_is_rejected_by_the_first_parameter_that_differs(
    tmp_path, source, operators, message
):
    path = tmp_path / "a.streamlyt"
    with engine(path, Walk(500), checkpoint_interval_s=0) as first:
        first.run(lambda rows: first.stop())
    with pytest.raises(StateError, match=message):
        ran(path, source, operators=operators)


@pytest.mark.parametrize("rest", [{"checkpoint_interval_s": -1}, {"checkpoint_interval_rows": 0}])
def test_bounds_out_of_range_are_rejected(rest):
    with pytest.raises(ParameterError, match="checkpoint_interval_s must be at least 0"):
        LocalEngine(Walk(), Pipeline([]), **rest)


def main(path):
    """Run in a process of its own, to be killed, and wait for that after some rows."""
    counts = []

    def on_progress(rows: int) -> None:
        counts.append(rows)
        if len(counts) == 2:  # the first checkpoint is made, and its imports are done
            print("begins", flush=True)
        if rows - counts[0] > LIFE_ROWS:
            threading.Event().wait()

    ran(Path(path), Walk(KILLED_ROWS, pause_s=0.01), on_progress, checkpoint_interval_s=0.005)
