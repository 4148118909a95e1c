import logging
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamlyt.connectors import FileSink, FileSource
from streamlyt.core.errors import FormatError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

CHILD = "import sys; sys.path[:0] = ['.', sys.argv[1]]; import test_tail as t; t.main(sys.argv[2])"
TOTAL = 9000


def lines(start, stop, ending="csv"):
    if ending == "csv":
        return "".join(f"{i},{i / 4}\n" for i in range(start, stop))
    return "".join(f'{{"t": {i}, "x": {i / 4}}}\n' for i in range(start, stop))


def add(path, text):
    with path.open("a") as file:
        file.write(text)


class Reader:
    """Reads on until nothing comes."""

    def __init__(self, path, start=None):
        self.source = FileSource(path, time_column="t", follow=True)
        self.batches = self.source.read(start)
        self.position = start

    def __call__(self):
        found = []
        for batch, position in self.batches:
            if not batch.n_rows:
                return found
            found += batch.times.tolist()
            assert batch.values[:, 0].tolist() == [t / 4 for t in batch.times.tolist()]
            self.position = position or self.position


@pytest.fixture(params=["csv", "jsonl"])
def path(request, tmp_path):
    path = tmp_path / f"grows.{request.param}"
    path.write_text(begun(path, 0, 10))
    return path


def begun(path, start, stop):
    head = "t,x\n" if path.suffix == ".csv" else ""
    return head + lines(start, stop, path.suffix[1:])


def more(path, start, stop):
    return lines(start, stop, path.suffix[1:])


def test_appended_lines_are_read_when_complete(path):
    read = Reader(path)
    assert read() == list(range(10))
    add(path, more(path, 10, 12) + more(path, 12, 13)[:-3])
    assert read() == [10, 11]
    add(path, more(path, 12, 13)[-3:])
    assert read() == [12]


def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start(path):
    read = Reader(path)
    read()
    add(path, more(path, 10, 12))
    path.rename(path.with_name(path.name + ".1"))
    assert read() == [10, 11]
    path.write_text(begun(path, 12, 20))
    assert read() == list(range(12, 20))


def test_a_truncated_file_is_read_from_its_start(path, caplog):
    read = Reader(path)
    assert read() == list(range(10))
    path.write_text(begun(path, 10, 12))
    with caplog.at_level(logging.WARNING):
        assert read() == [10, 11]
    path.write_text(begun(path, 12, 100))  # as long as before, and longer: it begins otherwise
    assert read() == list(range(12, 100))
    assert caplog.text.count("was truncated") == 2


@pytest.mark.parametrize("rotated", [False, True])
def test_reading_resumes_in_a_file_renamed_meanwhile(path, rotated):
    read = Reader(path)
    read()
    position = dict(read.position)
    add(path, more(path, 10, 15))
    if rotated:
        path.rename(path.with_name(path.name + ".1"))
        path.write_text(begun(path, 15, 30))
    else:
        add(path, more(path, 15, 30))
    assert Reader(path, position)() == list(range(10, 30))


def test_a_missing_file_is_reported(path, caplog):
    read = Reader(path)
    read()
    position = dict(read.position)
    path.unlink()
    path.write_text(begun(path, 50, 60))
    assert Reader(path, position)() == list(range(50, 60))
    assert "no longer exists" in caplog.text or "truncated" in caplog.text


def test_other_columns_after_a_rotation_are_rejected(tmp_path):
    path = tmp_path / "grows.csv"
    path.write_text("t,x\n1,0.25\n")
    read = Reader(path)
    read()
    path.rename(tmp_path / "grows.csv.1")
    path.write_text("x,t\n0.5,2\n")
    with pytest.raises(FormatError, match="must start with the header 't,x', got 'x,t'"):
        read()


def test_new_files_in_a_folder_are_read(tmp_path):
    (tmp_path / "1.csv").write_text("t,x\n" + lines(0, 5))
    read = Reader(tmp_path)
    assert read() == list(range(5))
    hidden = tmp_path / ".2.csv"
    hidden.write_text("t,x\n" + lines(5, 9))
    assert read() == []
    hidden.rename(tmp_path / "2.csv")
    assert read() == list(range(5, 9))
    (tmp_path / "3.csv").write_text("t,x\n" + lines(9, 12))
    assert Reader(tmp_path, read.position)() == list(range(9, 12))


def main(folder):
    """The life of one process: follow until all is read."""
    place = Path(folder)
    run = place / "a.streamlyt"
    new = not run.exists()
    kept = RunFile.create(run, pipeline="") if new else RunFile.open(run, write=True)
    sinks = [FileSink(place / name) for name in ("out.csv", "out.jsonl", "out.parquet")]
    source = FileSource(place / "grows.csv", time_column="t", follow=True, batch_size=37)
    with kept:
        engine = LocalEngine(source, Pipeline([]), sinks, kept, checkpoint_interval_rows=100)
        engine.run(lambda rows: engine.stop() if rows >= TOTAL else None)
    for sink in sinks:
        sink.close()


def rows_of(path):
    return [
        t for batch, _ in FileSource(path, time_column="time").read() for t in batch.times.tolist()
    ]


@pytest.mark.slow
def test_a_run_killed_again_and_again_reads_and_writes_each_row_once(tmp_path):
    path = tmp_path / "grows.csv"
    path.write_text("t,x\n" + lines(0, 50))
    chance = random.Random(0)
    written, kills, turned = 50, 0, False
    while True:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path)],
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + (60 if kills >= 5 else 2 + 2 * chance.random())
        while child.poll() is None and time.monotonic() < until:
            if written < TOTAL:
                step = min(TOTAL - written, chance.randint(1, 60))
                add(path, lines(written, written + step))
                written += step
            if written >= TOTAL // 2 and not turned and kills:
                path.rename(tmp_path / "grows.csv.1")
                path.write_text("t,x\n")
                turned = True
            time.sleep(0.05)
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        said = child.communicate()[1].decode()
        if child.returncode != -signal.SIGKILL:
            assert child.returncode == 0, said
            break
    assert kills >= 3
    with RunFile.open(tmp_path / "a.streamlyt") as run:
        assert run.columns("", ["x"])[0].tolist() == list(range(TOTAL))
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert rows_of(tmp_path / name) == list(range(TOTAL)), name
