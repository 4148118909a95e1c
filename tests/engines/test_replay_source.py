"""Replay from a start position, at the speed of the recorded clock: the rows are the same."""

from threading import Thread

import numpy as np
import pytest

from streamlyt.connectors import FileSource, KafkaSource, MemorySink, MemorySource
from streamlyt.core import Schema
from streamlyt.core.errors import ParameterError, SourceError
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine, ReplaySource
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits
from tests._waiting import HAPPENS_S, joined, wait_for

N = 3000
TIMES = 1_700_000_000 * 10**9 + np.cumsum(np.random.default_rng(1).integers(0, 10**9, N))
VALUES = np.random.default_rng(0).normal(size=(N, 2))
XY = Schema.of("x", "y", time_unit="ns")


class Wall:
    """A clock that moves only while a caller waits for it."""

    def __init__(self):
        self.now = 100.0
        self.waits = 0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        self.waits += seconds > 0
        return False


class Stamps(MemorySink):
    """Records the arrival time of each batch."""

    def __init__(self, wall):
        super().__init__()
        self.wall, self.at = wall, []

    def write_rows(self, batch):
        super().write_rows(batch)
        self.at += [self.wall.now] * batch.n_rows


def source(**options):
    return MemorySource(VALUES, TIMES, XY, **options)


def played(begin=None, speed=None, operators=(), **options):
    wall = Wall()
    one, sink = source(**options), Stamps(wall)
    ReplaySource(one, begin, speed, wall, wall.wait).install()
    found = LocalEngine(one, Pipeline(list(operators)), [sink]).run()
    return sink, found, wall


@pytest.mark.parametrize("speed", [1.0, 7.5, 1e4])
def test_each_row_is_released_at_its_time_and_none_before(speed):
    sink, _, _ = played(speed=speed, batch_size=700)
    due = 100.0 + (TIMES - TIMES[0]) / 1e9 / speed
    early = np.asarray(sink.at) - due
    assert early.min() >= -0.0501  # rows of 0.05 s are released together
    assert early.max() < 0.0501
    assert_same_bits(sink.values(), VALUES)


def test_speed_does_not_change_the_output():
    detector = NEWMA(20, null_model="adaptive")
    plain, found, wall = played(operators=[detector.clone()])
    slow, same, _ = played(speed=3.0, operators=[detector.clone()])
    assert_same_bits(plain.values(), slow.values())
    assert found.events == same.events
    assert wall.waits == 0


@pytest.mark.parametrize(
    ("begin", "first"),
    [
        ("1234", 1234),
        ("0", 0),
        (str(N), N),
        (np.datetime_as_string(TIMES[500].astype("M8[ns]")), 500),
        (np.datetime_as_string((TIMES[500] + 1).astype("M8[ns]")) + "Z", 501),
        ("1d", 0),
        ("2100-01-01", N),
    ],
)
@pytest.mark.parametrize("speed", [None, 50.0])
def test_a_replay_starts_at_a_row_or_a_time(begin, first, speed):
    sink, found, _ = played(begin, speed)
    assert found.rows == N - first
    if first < N:
        assert_same_bits(sink.values(), VALUES[first:])
        assert_same_bits(sink.times(), TIMES[first:])


def test_a_resumed_run_continues_from_its_checkpoint_not_from_the_start_position(tmp_path):
    with RunFile.create(tmp_path / "a", pipeline="") as run:
        one = source(batch_size=100)
        ReplaySource(one, "1000").install()
        engine = LocalEngine(one, Pipeline([]), (), run)
        engine.run(lambda rows: engine.stop() if rows == 500 else None)
    with RunFile.open(tmp_path / "a", write=True) as run:
        again = source(batch_size=100)
        ReplaySource(again, "1000").install()
        LocalEngine(again, Pipeline([]), (), run).run()
        assert_same_bits(run.columns("")[1], VALUES[1000:])


def test_a_stop_does_not_wait_for_the_clock(tmp_path):
    one = source(batch_size=N)
    with RunFile.create(tmp_path / "a", pipeline="") as run:
        ReplaySource(one, speed=1e-6).install()
        engine = LocalEngine(one, Pipeline([]), (), run)
        running = Thread(target=engine.run)
        running.start()
        wait_for(lambda: engine.metrics.batches, HAPPENS_S, "the first batch is taken")
        engine.stop()
        joined(running, "the stopped run ends")
        assert run.n_rows("") == N  # the current batch is complete


def test_files_are_read_from_a_row_or_a_time(tmp_path):
    rows = "".join(f"{i},{i * 60}\n" for i in range(1000))
    (tmp_path / "a.csv").write_text("x,at\n" + rows)
    for begin, first in (("700", 700), ("2h", 120)):
        one = FileSource(tmp_path / "a.csv", columns=["x"], time_column="at")
        if one.schema.time_unit == "step" and begin == "2h":
            continue
        sink = MemorySink()
        ReplaySource(one, begin).install()
        LocalEngine(one, Pipeline([]), [sink]).run()
        assert sink.values()[0, 0] == first


def test_starts_and_speeds_that_are_not_possible_are_rejected(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    steps = MemorySource(VALUES)
    for one, begin, speed, reason in (
        (source(), None, 0.0, "speed must be positive"),
        (source(), "soon", None, r"from must be the number of a row, ISO 8601"),
        (source(), str(N + 1), None, f"row must be at most {N}"),
        (steps, None, 2.0, "speed must be used with clock times, got times in 'step'"),
        (steps, "5s", None, "from must be a whole number where times count 'step'"),
        (FileSource(tmp_path), "1", None, "start of a directory must be a time, got row 1"),
        (
            KafkaSource("t", ["x"], group_id="g"),
            "1",
            None,
            "group_id must be None to start at an offset, got 'g'",
        ),
    ):
        with pytest.raises((ParameterError, SourceError), match=reason):
            ReplaySource(one, begin, speed)
