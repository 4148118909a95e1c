"""A run file has one writer; its lock ends with its process."""

import os
import signal
import subprocess
import sys

import pytest

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import FormatError, SinkError, StateError
from streamlyt.runfile import RunFile

SCHEMA = Schema.of("x")
WRITER = """
import sys, time
from streamlyt.core import Batch, Schema
from streamlyt.runfile import RunFile
run = RunFile.create(sys.argv[1], pipeline="", overwrite=True)
for i in range(20):
    run.write_rows(Batch("b", [i], [[float(i)]], Schema.of("x")))
    run.checkpoint({}, {}, rows=i + 1)
print("saved", flush=True)
time.sleep(600)
"""


def rows(n, start=0):
    return Batch("a", range(start, n), [[float(i)] for i in range(start, n)], SCHEMA)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.streamlyt"


@pytest.fixture
def writer(path):
    """Another process that has written 20 rows and hangs."""
    command = [sys.executable, "-c", WRITER, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "saved\n"
        yield process
        process.kill()


def test_a_run_file_that_is_written_is_neither_opened_for_writing_nor_replaced(path, writer):
    begins = f"one writer, got a second one besides process {writer.pid}"
    with pytest.raises(SinkError, match=begins):
        RunFile.open(path, write=True)
    with pytest.raises(SinkError, match=begins):
        RunFile.create(path, pipeline="", overwrite=True)
    with RunFile.open(path) as run:  # reading is free
        assert run.n_rows("b") == 20


def test_the_lock_of_a_killed_process_is_free_and_nothing_is_lost(path, writer, tmp_path):
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    with RunFile.open(path, write=True) as run:
        assert run.n_rows("b") == 20
    assert [each.name for each in tmp_path.iterdir()] == ["a.streamlyt"]


def test_a_writer_that_was_taken_over_saves_nothing_and_removes_nothing(path, tmp_path):
    first = RunFile.create(path, pipeline="")
    first.write_rows(rows(10))
    first.checkpoint({}, {}, rows=10)
    with RunFile.open(path, write=True, take_over=True) as second:
        second.write_rows(rows(20, 10))
        second.checkpoint({}, {}, rows=20)
        first.write_rows(rows(20, 10))
        with pytest.raises(StateError, match="another process now writes the run file"):
            first.checkpoint({}, {}, rows=20)
        first.close()
        with pytest.raises(SinkError, match="must have one writer"):
            RunFile.open(path, write=True)
        second.write_rows(rows(30, 20))
        second.checkpoint({}, {}, rows=30)
    with RunFile.open(path) as run:
        assert run.n_rows("a") == 30
    assert [each.name for each in tmp_path.iterdir()] == ["a.streamlyt"]


def test_opening_a_missing_or_a_broken_run_file_leaves_no_lock(path, tmp_path):
    path.write_text("no run file")
    with pytest.raises(FormatError):
        RunFile.open(path, write=True)
    with pytest.raises(SinkError, match="exists already"):
        RunFile.create(path, pipeline="")
    assert [each.name for each in tmp_path.iterdir()] == ["a.streamlyt"]
