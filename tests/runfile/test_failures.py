"""Failures of a run file: errors, and what stays intact."""

import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from streamlyt.core import Batch, Event, Schema
from streamlyt.core.errors import (
    DataError,
    FormatError,
    ParameterError,
    SinkError,
    SourceError,
    StateError,
)
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits

SCHEMA = Schema.of("x", "y", "z", "statistic", time_unit="fs", row_label="frame")
N = 9000
VALUES = np.random.default_rng(0).normal(size=(N, 4))


def batch(start, stop):
    return Batch("a", np.arange(start, stop) * 2, VALUES[start:stop], SCHEMA)


def made(path):
    with RunFile.create(path, pipeline="") as run:
        run.write_rows(batch(0, N))
        run.checkpoint({}, {})
    return RunFile.open(path)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"there is no run file .*none\.streamlyt"):
        RunFile.open(tmp_path / "none.streamlyt")


@pytest.mark.parametrize("content", [b"x,y\n1,2\n" * 500, b"SQLite format 3\0" + b"\1" * 5000])
def test_other_file_is_rejected_and_never_overwritten(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.csv is not a run file"):
        RunFile.open(path)
    with pytest.raises(FormatError, match=r"a\.csv is not a run file"):
        RunFile.create(path, pipeline="", overwrite=True)
    assert path.read_bytes() == content


def test_other_database_is_rejected(tmp_path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("CREATE TABLE meta (x)")
    with pytest.raises(FormatError, match="got another SQLite database"):
        RunFile.open(tmp_path / "a.db")


def test_run_is_overwritten_on_request_only(tmp_path):
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="old") as run:
        run.checkpoint({}, {"a": {"one": {"memory": np.zeros(40_000)}}})
    with pytest.raises(SinkError, match="exists already"):
        RunFile.create(path, pipeline="new")
    with RunFile.create(path, pipeline="new", overwrite=True) as run:
        assert run.meta["pipeline"] == "new"
        assert run.states() == {}
    assert [file.name for file in tmp_path.iterdir()] == ["a.streamlyt"]


def test_later_format_is_rejected(tmp_path):
    made(tmp_path / "a.streamlyt").close()
    with closing(sqlite3.connect(tmp_path / "a.streamlyt")) as db:
        db.execute("PRAGMA user_version = 3")
    with pytest.raises(StateError, match=r"up to format 2, got .* of format 3"):
        RunFile.open(tmp_path / "a.streamlyt")


def test_damaged_columns_are_an_error(tmp_path):
    made(tmp_path / "a.streamlyt").close()
    with closing(sqlite3.connect(tmp_path / "a.streamlyt")) as db, db:
        db.execute("UPDATE chunks SET columns = zeroblob(100)")
    with (
        RunFile.open(tmp_path / "a.streamlyt") as run,
        pytest.raises(FormatError, match=r"series 'a', level 0, row 0 cannot be decoded"),
    ):
        run.columns("a")


def test_truncated_file_is_an_error(tmp_path):
    path = tmp_path / "a.streamlyt"
    made(path).close()
    path.write_bytes(path.read_bytes()[:20_000])

    def read_all():
        with RunFile.open(path) as run:
            run.columns("a")

    with pytest.raises(FormatError, match=r"a\.streamlyt"):
        read_all()


def test_full_disk_loses_neither_saved_nor_accepted_rows(tmp_path):
    path = tmp_path / "a.streamlyt"
    run = RunFile.create(path, pipeline="")
    run.write_rows(batch(0, 1000))
    run.checkpoint({"s": {"row": 1000}}, {})
    pages = run._db.execute("PRAGMA page_count").fetchone()[0]
    run._db.execute(f"PRAGMA max_page_count = {pages}")
    run.write_rows(batch(1000, 9000))
    event = Event("a", "newma", 1500, 3000, 1490, 2980, 2.0, 1.0)
    run.write_event(event)
    with pytest.raises(SinkError, match=r"full; .* safe \(1000 rows of 1 series and 0 events\)"):
        run.checkpoint({"s": {"row": 9000}}, {})
    assert run.position("s") == {"row": 1000}
    run._db.execute("PRAGMA max_page_count = 1000000")
    run.checkpoint({"s": {"row": 9000}}, {})
    run.close()
    with RunFile.open(path) as run:
        assert_same_bits(run.columns("a")[1], VALUES[:9000])
        assert run.events() == [event]


def test_no_space_for_a_large_state_is_an_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SinkError, match="No space left on device"):
            run.checkpoint({}, {"a": {"one": {"memory": np.zeros(40_000)}}})


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SinkError, match="name one in a folder that exists"):
        RunFile.create(tmp_path / "none" / "a.streamlyt", pipeline="")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_run_in_a_read_only_folder_is_readable_and_not_writable(tmp_path):
    made(tmp_path / "a.streamlyt").close()
    (tmp_path / "a.streamlyt").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with RunFile.open(tmp_path / "a.streamlyt") as run:
            assert run.n_rows("a") == N
        with pytest.raises(SinkError, match="cannot be written"):
            RunFile.open(tmp_path / "a.streamlyt", write=True)
        with pytest.raises(SinkError, match="cannot be made"):
            RunFile.create(tmp_path / "b.streamlyt", pipeline="")
    finally:
        tmp_path.chmod(0o755)


def test_writing_to_a_file_open_for_reading_is_an_error(tmp_path):
    with (
        made(tmp_path / "a.streamlyt") as run,
        pytest.raises(SinkError, match="open for reading"),
    ):
        run.checkpoint({}, {})


def test_other_columns_in_the_same_series_are_rejected(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        run.write_rows(batch(0, 10))
        with pytest.raises(DataError, match="'a': channels must stay"):
            run.write_rows(Batch("a", [0], [[1.0]], Schema.of("x")))


def test_unknown_series_or_channel_error_suggests_similar_names(tmp_path):
    with made(tmp_path / "a.streamlyt") as run:
        with pytest.raises(ParameterError, match="got 'statistics'; did you mean statistic"):
            run.columns("a", ["statistics"])
        with pytest.raises(ParameterError, match=r"series of a\.streamlyt .*got 'A'"):
            run.n_rows("A")
        with pytest.raises(ParameterError, match="points must be at least 1"):
            run.downsample("a", points=0)


@pytest.mark.parametrize("rest", [{"raw_channel_limit": -1}, {"chunk_bytes": 0}])
def test_invalid_sizes_are_rejected(tmp_path, rest):
    with pytest.raises(ParameterError, match="raw_channel_limit must be at least 0"):
        RunFile.create(tmp_path / "a.streamlyt", pipeline="", **rest)
