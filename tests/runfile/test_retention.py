"""A run file deletes old rows, releases disk space, and is otherwise unchanged."""

import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from streamlyt.config.json_schema import pipeline_schema
from streamlyt.config.pipeline_file import load
from streamlyt.connectors import MemorySource
from streamlyt.core import Batch, Event, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.dashboards import Observable
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile, _pruning
from streamlyt.runfile.retention import RetentionPolicy
from streamlyt.transforms import RobustScaler
from tests._arrays import assert_same_bits

SMALL = 2**12  # bytes a chunk: 128 rows of three columns
CHUNK = 128
XY = Schema.of("x", "y")


def rows(start, n, key="a"):
    numbers = np.arange(start, start + n)
    return Batch(key, numbers, np.random.default_rng(start).normal(size=(n, 2)), XY)


def made(path, n, policy, each=100, keys=("a",), start=0):
    """Write rows in checkpoints; return them."""
    parts = {key: [] for key in keys}
    run = RunFile.create(path, pipeline="", chunk_bytes=SMALL, retention=policy)
    with run:
        for at in range(start, start + n, each):
            for key in keys:
                part = rows(at, each, key)
                parts[key].append(part.values)
                run.write_rows(part)
            run.write_event(Event("a", "d", at, at, at, at, 1.0, 1.0, ("x",), (1.0,), "step"))
            run.checkpoint({"s": {"row": at + each}}, {}, rows=at + each)
    return {key: np.concatenate(each) for key, each in parts.items()}


def test_last_rows_and_all_events_stay(tmp_path):
    path = tmp_path / "a.streamlyt"
    every = made(path, 5000, RetentionPolicy(max_rows=1000))["a"]
    with RunFile.open(path) as run:
        first = run.first_retained_row("a")
        # Complete chunks, and one more for each checkpoint that a run may be rewound to.
        assert 5000 - 1000 - 4 * CHUNK < first <= 5000 - 1000
        times, values = run.columns("a")
        assert times.tolist() == list(range(first, 5000))
        assert_same_bits(values, every[first:])
        assert run.n_rows("a") == 5000
        assert len(run.events()) == 50
        assert run.columns("a", start=0, stop=first)[0].size == 0
        assert run.columns("a", start=4990)[0].tolist() == list(range(4990, 5000))


@pytest.mark.parametrize("points", [1, 7, 500, 5000])
def test_downsampled_rows_are_the_retained_rows(tmp_path, points):
    every = made(tmp_path / "a", 6000, RetentionPolicy(max_rows=2000), each=400)["a"]
    made(tmp_path / "b", 6000, None, each=400)
    with RunFile.open(tmp_path / "a") as run, RunFile.open(tmp_path / "b") as complete:
        first = run.first_retained_row("a")
        seen = run.downsample("a", points=points)
        expected = complete.downsample("a", points=points, start=first)
        for name in ("rows", "times", "minimum", "maximum", "mean"):
            np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))
        assert seen.rows[0] <= first
        assert seen.maximum[:, 0].max() >= every[first:, 0].max()


@pytest.mark.parametrize("age", [700, 1])
def test_age_counts_from_the_newest_row_of_all_series(tmp_path, age):
    path = tmp_path / "a"
    made(path, 1000, RetentionPolicy(max_age=age), keys=("a", "b"))
    with RunFile.open(path, write=True) as run:
        for at in range(1000, 4000, 100):  # b is silent
            run.write_rows(rows(at, 100))
            run.checkpoint({}, {})
    with RunFile.open(path) as run:
        assert 4000 - age - 4 * CHUNK < run.first_retained_row("a") <= 4000 - age
        assert run.n_rows("b") == 1000
        assert run.first_retained_row("b") >= 1000 - 2 * CHUNK


def test_columns_stay_below_the_size_limit(tmp_path):
    path = tmp_path / "a"
    made(path, 20_000, RetentionPolicy(max_mb=0.1), each=500, keys=("a", "b"))
    with RunFile.open(path) as run:
        size = run._db.execute("SELECT sum(length(columns)) FROM chunks").fetchone()[0]
        assert 0.03e6 < size < 0.15e6
        assert run.first_retained_row("a") > 10_000
        assert run.first_retained_row("b") > 10_000
        assert run.n_rows("a") == run.n_rows("b") == 20_000


def test_disk_space_is_released(tmp_path):
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    made(unlimited, 100_000, None, each=2000)
    made(limited, 100_000, RetentionPolicy(max_rows=5000), each=2000)
    size = unlimited.stat().st_size
    assert limited.stat().st_size < size / 5
    # A file that was created without limits shrinks when it gets one.
    with RunFile.open(unlimited, write=True) as run:
        run.set_retention(RetentionPolicy(max_rows=5000))
        for at in range(100_000, 100_800, 200):
            run.write_rows(rows(at, 200))
            run.checkpoint({}, {})
    assert unlimited.stat().st_size < size / 5
    with RunFile.open(unlimited) as run:
        assert run.first_retained_row("a") > 94_000
        with closing(sqlite3.connect(unlimited)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_file_size_is_bounded(tmp_path):
    sizes = []
    with RunFile.create(
        tmp_path / "a", pipeline="", chunk_bytes=SMALL, retention=RetentionPolicy(max_rows=2000)
    ) as run:
        for i in range(60):
            run.write_rows(rows(i * 1000, 1000))
            run.checkpoint({}, {})
            sizes.append(run._db.execute("PRAGMA page_count").fetchone()[0])
    assert max(sizes[30:]) <= 1.2 * max(sizes[10:30])


@pytest.mark.parametrize("every", [1, 64, 300])
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, every):
    values = np.random.default_rng(0).normal(size=(4000, 2))
    policy = RetentionPolicy(max_rows=500)

    def engine(run, stop):
        source = MemorySource(values[:stop], batch_size=100)
        return LocalEngine(
            source, Pipeline([RobustScaler()]), (), run, checkpoint_interval_rows=every
        )

    with RunFile.create(tmp_path / "a", pipeline="", chunk_bytes=SMALL, retention=policy) as run:
        engine(run, 4000).run()
    with RunFile.create(tmp_path / "b", pipeline="", chunk_bytes=SMALL, retention=policy) as run:
        one = engine(run, 4000)
        one.run(lambda done: one.stop() if done == 2300 else None)
    with RunFile.open(tmp_path / "b", write=True) as run:
        engine(run, 4000).run()
    with RunFile.open(tmp_path / "a") as one, RunFile.open(tmp_path / "b") as two:
        first = max(one.first_retained_row(""), two.first_retained_row(""))
        assert 2500 < first <= 3500
        for each in (one, two):
            assert each.n_rows("") == 4000
        for a, b in zip(one.columns("", start=first), two.columns("", start=first), strict=True):
            assert_same_bits(a, b)


@pytest.mark.parametrize("back", [1, 2])
def test_rewound_checkpoint_has_its_rows(tmp_path, back):
    path = tmp_path / "a"
    values = np.random.default_rng(0).normal(size=(4000, 2))
    source = MemorySource(values, batch_size=500)
    with RunFile.create(
        path, pipeline="", chunk_bytes=SMALL, retention=RetentionPolicy(max_rows=1)
    ) as run:
        LocalEngine(source, Pipeline([RobustScaler()]), (), run, checkpoint_interval_rows=500).run()
        expected = run.columns("", start=3990)[1]
    shutil.copy(path, tmp_path / "b")
    with closing(sqlite3.connect(tmp_path / "b")) as db, db:
        newest = [n for (n,) in db.execute("SELECT step FROM generations ORDER BY step DESC")]
        for step in newest[:back]:
            db.execute("UPDATE states SET blob = x'00' WHERE step = ?", (step,))
    with RunFile.open(tmp_path / "b", write=True) as run:
        LocalEngine(source, Pipeline([RobustScaler()]), (), run, checkpoint_interval_rows=500).run()
        assert_same_bits(run.columns("", start=3990)[1], expected)
        assert run.n_rows("") == 4000


def test_retention_is_in_the_pipeline_file_and_its_schema():
    source = 'type = "kafka"\ntopic = "t"\ncolumns = ["x"]'
    text = f"[source]\n{source}\n[retention]\nmax_rows = 10\n"
    policy = load(text, ["retention.max_age=30d"], {"STREAMLYT_RETENTION__MAX_MB": "2"}).retention
    assert policy.get_params() == {"max_rows": 10, "max_age": "30d", "max_mb": 2}
    properties = pipeline_schema()["properties"]["retention"]["properties"]
    assert set(properties) == {"max_rows", "max_age", "max_mb"}
    for given, reason in (
        ({"max_rows": 0}, "max_rows must be at least 1"),
        ({"max_age": "soon"}, "max_age must be a whole number"),
        ({"max_mb": -1.0}, "max_mb must be positive"),
    ):
        with pytest.raises(ParameterError, match=reason):
            RetentionPolicy(**given)


def test_panel_shows_the_retained_rows(tmp_path):
    made(tmp_path / "a", 6000, RetentionPolicy(max_rows=2000), each=400)
    with RunFile.open(tmp_path / "a") as run:
        panel = Observable(run, "a")
        assert panel.time_range == (run.first_retained_row("a"), 5999)


def test_pages_that_cannot_be_released_yet_end_no_run(tmp_path, monkeypatch, caplog):
    """Releasing them needs space in the log; the rows are committed before."""
    release, full = _pruning._release_pages, [True]

    def release_unless_full(db):
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        release(db)

    monkeypatch.setattr(_pruning, "_release_pages", release_unless_full)
    path = tmp_path / "a.streamlyt"
    with RunFile.create(
        path, pipeline="", chunk_bytes=64, retention=RetentionPolicy(max_rows=50)
    ) as run:
        for first in range(0, 400, 20):
            run.write_rows(rows(first, 20))
            run.checkpoint({}, {}, rows=first + 20)
        assert "not released yet: database or disk is full" in caplog.text
        caplog.clear()
        full.clear()
        run.write_rows(rows(400, 20))
        run.checkpoint({}, {}, rows=420)
        assert run.n_rows("a") == 420
    assert caplog.text == ""
