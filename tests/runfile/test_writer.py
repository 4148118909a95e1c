import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Event, Schema
from streamlyt.core.errors import ParameterError, StateError
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits

NAMES = ("x", "y", "z", "statistic")
SCHEMA = Schema.of(*NAMES, time_unit="fs", row_label="frame")
N = 20_000


def table(n=N):
    values = np.random.default_rng(0).normal(size=(n, 4))
    values[100:200, 1] = np.nan  # missing values, and a bucket of nothing else
    values[3000:3010, 2] = np.nan
    values[:50, 3] = np.inf
    values[70, 0] = -0.0
    return values


VALUES = table()


def batch(start, stop, key="a"):
    return Batch(key, np.arange(start, stop) * 2, VALUES[start:stop], SCHEMA)


def event(i, key="a"):
    return Event(key, "newma", i, 2 * i, i - 5, 2 * i - 10, 0.1 * i, 1.0, ("x",), (0.3,), "fs")


def made(path, cuts=(0, N), checkpoint_every=1, reopen=False, full=("statistic",), **rest):
    run = RunFile.create(path, pipeline="", **rest)
    for i, (start, stop) in enumerate(pairwise(cuts)):
        run.write_rows(batch(start, stop), full=full)
        if i % checkpoint_every == 0:
            run.checkpoint({"s": {"row": stop}}, {})
            if reopen:
                run.close()
                run = RunFile.open(path, write=True)
    run.checkpoint({"s": {"row": cuts[-1]}}, {})
    run.close()
    return RunFile.open(path)


def chunks(run):
    """Return the table of the columns, and close the run."""
    query = (
        "SELECT key, level, first_row, last_row, first_time, last_time, n, columns FROM chunks "
        "ORDER BY 1, 2, 3"
    )
    with closing(run), closing(sqlite3.connect(run.path)) as db:
        return db.execute(query).fetchall()


def naive(values, rows, size):
    """Buckets of ``size`` rows, naive: (first row, minimum, maximum, mean) of each."""
    found = []
    for first in range(0, rows, size):
        part = values[first : min(rows, first + size)]
        known = [column[~np.isnan(column)] for column in part.T]
        found.append(
            (
                first,
                [c.min() if c.size else np.nan for c in known],
                [c.max() if c.size else np.nan for c in known],
                [c.mean() if c.size else np.nan for c in known],
            )
        )
    return [np.array(part) for part in zip(*found, strict=True)]


# --- what is written comes back -------------------------------------------------------------


def test_rows_events_position_and_meta_are_restored_exactly(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="[source]\n") as run:
        run.write_rows(batch(0, 5000))
        run.write_rows(batch(0, 10, key="b"))
        run.write_event(event(700))
        run.write_event(event(3, key="b"))
        run.checkpoint({"s": {"row": 5000, "file": "x", "t": 0.1}}, {}, rows=5010, complete=True)
    with RunFile.open(tmp_path / "a.streamlyt") as run:
        assert run.keys() == ["a", "b"]
        assert run.schema("a") == SCHEMA
        assert (run.n_rows("a"), run.n_rows("b")) == (5000, 10)
        times, values = run.columns("a")
        assert_same_bits(times, np.arange(5000) * 2)
        assert_same_bits(values, VALUES[:5000])
        assert run.events() == [event(700), event(3, key="b")]
        assert run.events("b") == [event(3, key="b")]
        assert run.position("s") == {"row": 5000, "file": "x", "t": 0.1}
        assert run.position("other") is None
        meta = run.meta
        assert (meta["format"], meta["pipeline"], meta["rows"]) == (2, "[source]\n", 5010)
        assert meta["complete"] is True
        assert meta["created"].endswith("+00:00")
        assert meta["streamlyt"]


def test_subset_of_rows_and_channels_is_read(tmp_path):
    with made(tmp_path / "a.streamlyt", chunk_bytes=2**14) as run:
        times, values = run.columns("a", ["z", "x"], start=777, stop=5001)
        assert_same_bits(times, np.arange(777, 5001) * 2)
        assert_same_bits(values, VALUES[777:5001][:, [2, 0]])
        assert len(run.columns("a", start=N)[0]) == 0
        assert len(run.columns("a", start=-5, stop=3)[0]) == 3
        assert run.columns("a", [])[1].shape == (N, 0)


def test_event_with_nan_is_restored_as_nan(tmp_path):
    odd = Event("a", "newma", 1, 1, 1, 1, float("nan"), float("inf"))
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        run.write_event(odd)
        run.checkpoint({}, {})
        (found,) = run.events()
    assert np.isnan(found.statistic)
    assert found.threshold == np.inf


def test_nothing_is_saved_before_a_checkpoint(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        run.write_rows(batch(0, 100))
        run.write_event(event(7))
    with RunFile.open(tmp_path / "a.streamlyt") as run:
        assert run.keys() == []
        assert run.events() == []


# --- zooming ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "points", "size"), [(4097, 1000, 64), (N, 5000, 64), (N, 10, 4096)]
)
def test_downsampled_rows_are_minimum_maximum_and_mean_of_their_buckets(
    tmp_path, rows, points, size
):
    with made(tmp_path / "a.streamlyt", (0, rows), full=(), raw_channel_limit=0) as run:
        seen = run.downsample("a", NAMES, points=points)
    first, low, high, mean = naive(VALUES, rows, size)
    assert_same_bits(seen.rows, first)
    assert_same_bits(seen.times, first * 2)
    assert_same_bits(seen.minimum, low)
    assert_same_bits(seen.maximum, high)
    np.testing.assert_allclose(seen.mean, mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("points", [1, 7, 100, 2000, 10**6])
def test_downsampled_rows_have_about_the_requested_number_of_buckets(tmp_path, points):
    with made(tmp_path / "a.streamlyt") as run:
        seen = run.downsample("a", ["x"], points=points)
    assert min(N, points) / 8 <= len(seen.rows) <= points + 1
    assert seen.minimum.min() == VALUES[:, 0].min()
    assert seen.maximum.max() == VALUES[:, 0].max()
    assert seen.rows[0] == 0


def test_short_range_is_not_downsampled(tmp_path):
    with made(tmp_path / "a.streamlyt") as run:
        seen = run.downsample("a", ["x"], start=5000, stop=5400)
    assert_same_bits(seen.rows, np.arange(5000, 5400))
    for part in (seen.minimum, seen.maximum, seen.mean):
        assert_same_bits(part[:, 0], VALUES[5000:5400, 0])


def test_downsampled_range_covers_the_range(tmp_path):
    with made(tmp_path / "a.streamlyt") as run:
        seen = run.downsample("a", ["x"], points=10, start=3000, stop=9000)
    assert seen.rows[0] <= 3000
    assert seen.maximum.max() >= VALUES[3000:9000, 0].max()
    assert len(seen.rows) <= 11


def test_wide_stream_stores_its_inputs_from_level_one_on(tmp_path):
    with made(tmp_path / "a.streamlyt", raw_channel_limit=2) as run:
        assert run.raw_channels("a") == ("statistic",)
        assert run.columns("a")[1].shape == (N, 1)
        assert_same_bits(run.columns("a", ["statistic"])[1][:, 0], VALUES[:, 3])
        with pytest.raises(ParameterError, match=r"'x', which is stored .* call downsample"):
            run.columns("a", ["x"])
        seen = run.downsample("a", ["x"], points=10**6)
    assert_same_bits(np.diff(seen.rows), np.full(len(seen.rows) - 1, 64))
    assert seen.maximum.max() == VALUES[:, 0].max()
    with made(tmp_path / "b.streamlyt", raw_channel_limit=3) as narrow:
        assert narrow.raw_channels("a") == NAMES


def test_hundreds_of_channels_are_read_by_name(tmp_path):
    values = np.random.default_rng(1).normal(size=(300, 201))
    schema = Schema.of(*(f"c{i}" for i in range(200)), "statistic")
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        run.write_rows(Batch("a", np.arange(300), values, schema), full=("statistic",))
        run.checkpoint({}, {})
        seen = run.downsample("a", ["c130", "statistic", "c3"])
        expected = naive(values[:, [130, 200, 3]], 300, 64)
        assert_same_bits(seen.minimum, expected[1])
        np.testing.assert_allclose(seen.mean, expected[3], atol=1e-12)


# --- cuts, kills, and going on ---------------------------------------------------------------


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=12)
@given(
    cuts=st.lists(st.integers(0, N), max_size=6),
    checkpoint_every=st.integers(1, 4),
    reopen=st.booleans(),
    wide=st.sampled_from([1, 64]),
)
def test_columns_on_every_level_do_not_depend_on_the_batch_boundaries(
    tmp_path_factory, cuts, checkpoint_every, reopen, wide
):
    folder = tmp_path_factory.mktemp("cut")
    rest = {"raw_channel_limit": wide, "chunk_bytes": 2**13}
    expected = made(folder / "a.streamlyt", **rest)
    cut = made(folder / "b.streamlyt", (0, *sorted(cuts), N), checkpoint_every, reopen, **rest)
    assert chunks(expected) == chunks(cut)


def test_rows_written_one_at_a_time_are_the_same(tmp_path):
    expected = made(tmp_path / "a.streamlyt", (0, 300), raw_channel_limit=0)
    single = made(tmp_path / "b.streamlyt", range(301), 37, reopen=True, raw_channel_limit=0)
    assert chunks(expected) == chunks(single)


def test_states_are_restored_and_those_not_given_stay(tmp_path):
    small = {"mean": np.arange(3.0), "n": np.array(7), "name": np.array("x")}
    large = {"memory": np.random.default_rng(0).normal(size=(300, 200))}
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as run:
        run.checkpoint({}, {"a": {"one": small}, "b": {"one": large}})
        run.checkpoint({}, {"a": {"one": {"mean": np.ones(1)}}})
    assert len(list((tmp_path / "a.streamlyt.d").iterdir())) == 1
    with RunFile.open(path) as run:
        states = run.states()
    assert_same_bits(states["a"]["one"]["mean"], [1.0])
    assert_same_bits(states["b"]["one"]["memory"], large["memory"])


def test_files_of_large_states_are_removed_when_their_state_is_replaced(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        for i in range(5):
            run.checkpoint({}, {"a": {"one": {"memory": np.full(40_000, i)}}})
            assert len(list((tmp_path / "a.streamlyt.d").iterdir())) == min(i + 1, 3)
        for i in range(3):
            run.checkpoint({}, {"a": {"one": {"memory": np.full(1, i)}}})
    assert [file.name for file in tmp_path.iterdir()] == ["a.streamlyt"]


def test_state_of_objects_is_rejected(tmp_path):
    with (
        RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run,
        pytest.raises(StateError, match="'x' must be an array of numbers or text"),
    ):
        run.checkpoint({}, {"a": {"one": {"x": np.array([object()])}}})


@pytest.mark.parametrize("n", [3, 40_000])
def test_damaged_state_is_rejected(tmp_path, n):
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as run:
        run.checkpoint({}, {"a": {"one": {"memory": np.zeros(n)}}})
    if n == 3:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE states SET blob = zeroblob(length(blob))")
    else:
        (file,) = (tmp_path / "a.streamlyt.d").iterdir()
        file.write_bytes(file.read_bytes()[:-1])
    with RunFile.open(path) as run, pytest.raises(StateError, match="operator 'one', series 'a'"):
        run.states()
    if n > 3:
        file.unlink()
        with RunFile.open(path) as run, pytest.raises(StateError, match="missing"):
            run.states()


def test_closed_run_leaves_one_file(tmp_path):
    made(tmp_path / "a.streamlyt").close()
    assert [file.name for file in tmp_path.iterdir()] == ["a.streamlyt"]


def test_run_is_readable_by_another_process_while_it_grows(tmp_path):
    path = tmp_path / "a.streamlyt"
    count = (
        "import sys; from streamlyt.runfile import RunFile; run = RunFile.open(sys.argv[1])\n"
        "for _ in sys.stdin: print(run.n_rows('a'), len(run.columns('a')[0]), flush=True)"
    )
    with RunFile.create(path, pipeline="") as run:
        run.write_rows(batch(0, 100))
        run.checkpoint({}, {})
        with subprocess.Popen(
            [sys.executable, "-c", count, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as reader:
            for stop in (200, 5000):
                reader.stdin.write("\n")
                reader.stdin.flush()
                seen = run.n_rows("a")
                assert reader.stdout.readline().split() == [str(seen)] * 2
                run.write_rows(batch(seen, stop))
                run.checkpoint({}, {})
            reader.stdin.close()
    assert [file.name for file in tmp_path.iterdir()] == ["a.streamlyt"]


def test_taking_over_fences_the_previous_writer(tmp_path):
    first = RunFile.create(tmp_path / "a.streamlyt", pipeline="")
    with RunFile.open(tmp_path / "a.streamlyt", write=True, take_over=True) as second:
        first.write_rows(batch(0, 10))
        with pytest.raises(StateError, match="another process now writes the run file"):
            first.checkpoint({}, {})
        second.write_rows(batch(0, 20))
        second.checkpoint({}, {})
        assert second.n_rows("a") == 20
    first.close()


def test_series_beyond_those_in_memory_are_read_back(tmp_path, monkeypatch):
    def written(name):
        run = RunFile.create(tmp_path / name, pipeline="", chunk_bytes=2**12)
        for start in range(0, 3000, 300):
            for key in "abcde":
                run.write_rows(batch(start, start + 300, key))
            run.checkpoint({}, {})
        held = len(run._series)
        run.close()
        return held, chunks(RunFile.open(tmp_path / name))

    held, expected = written("all.streamlyt")
    assert held == 5
    monkeypatch.setattr("streamlyt.runfile._writer._MAX_SERIES", 2)
    assert written("two.streamlyt") == (2, expected)
