"""The file sink: a name appears only when a checkpoint covers it, and leftovers block no resume."""

import shutil

import numpy as np
import pytest

from streamlyt.connectors import FileSink, FileSource
from streamlyt.core import Batch, Schema, Sink, Source
from streamlyt.core.errors import DataError, SinkError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

NAMES = ("rows.csv", "rows.jsonl", "rows.parquet")


class Rows(Source):
    schema = Schema.of("x")

    def __init__(self, n=100):
        self.n = n

    def read(self, start=None):
        for i in range(int(start["row"]) if start else 0, self.n, 10):
            yield batch(i, 10), {"row": i + 10}


class Away(Sink):
    """A second sink that fails at some flushes."""

    def __init__(self, *failing):
        self.failing, self.n = failing, 0

    def write_rows(self, batch):
        pass

    def write_event(self, event):
        pass

    def flush(self):
        self.n += 1
        if self.n in self.failing:
            raise SinkError("broker away")


@pytest.fixture
def opened():
    """Return how to make a sink, which is closed at the end."""
    made = []

    def open_sink(path, n_rows=0):
        made.append(FileSink(path))
        made[-1].truncate_to(n_rows, 0)
        return made[-1]

    yield open_sink
    for each in made:
        each.close()


def batch(first, n, names=("x",)):
    values = np.repeat(np.arange(first, first + n, dtype=float)[:, None], len(names), axis=1)
    return Batch("a", np.arange(first, first + n), values, Schema.of(*names))


def life(folder, name, *failing):
    """One life of a run, with new sinks and a new engine; return whether it came to its end."""
    path = folder / "r.streamlyt"
    if not path.exists():
        RunFile.create(path, pipeline="").close()
    sinks = [FileSink(folder / name), Away(*failing)]
    with RunFile.open(path, write=True) as run:
        try:
            engine = LocalEngine(Rows(), Pipeline([]), sinks, run, checkpoint_interval_s=0)
            engine.run()
        except SinkError:
            return False
        finally:
            for sink in sinks:
                sink.close()
    return True


def rows_of(path):
    return [
        t for each, _ in FileSource(path, time_column="time").read() for t in each.times.tolist()
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("failing", [(1,), (1, 2), (3,), (3, 4)])
def test_rows_that_no_checkpoint_covers_do_not_block_a_resume(tmp_path, name, failing):
    """The failed flush may be followed by another one, of the checkpoint after the failure."""
    assert not life(tmp_path, name, *failing)
    if failing == (1, 2):
        assert not (tmp_path / name).exists()
    assert life(tmp_path, name)
    assert rows_of(tmp_path / name) == list(range(100))
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_appears_with_the_checkpoint(tmp_path, opened, name):
    path = tmp_path / name
    sink = opened(path)
    sink.write_rows(batch(0, 10))
    sink.flush()
    assert not path.exists()
    sink.settle()
    assert rows_of(path) == list(range(10))


def test_a_part_appears_with_the_checkpoint(tmp_path, opened):
    path = tmp_path / "rows.parquet"
    sink = opened(path)
    sink.write_rows(batch(0, 10))
    sink.flush()
    sink.settle()
    sink.write_rows(batch(10, 10))
    sink.flush()
    assert rows_of(path) == list(range(10))
    sink.settle()
    assert rows_of(path) == list(range(20))
    assert len(list(path.iterdir())) == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("settled", "saved"), [(0, 0), (0, 10), (0, 20), (10, 10), (10, 20)])
def test_the_next_life_publishes_what_its_checkpoint_covers_and_deletes_the_rest(
    tmp_path, opened, name, settled, saved
):
    """A run that died after a flush, before or after the run file was saved."""
    path = tmp_path / name
    dead = opened(path)
    for first in (0, 10):
        dead.write_rows(batch(first, 10))
        dead.flush()
        if first < settled:
            dead.settle()
    sink = opened(path, saved)
    assert path.exists() == (saved > 0)
    sink.write_rows(batch(saved, 5))
    sink.flush()
    sink.settle()
    sink.close()
    assert rows_of(path) == list(range(saved + 5))
    assert [p for p in tmp_path.rglob(".*")] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_the_user_makes_meanwhile_is_not_overwritten(tmp_path, opened, name):
    path = tmp_path / name
    sink = opened(path)
    sink.write_rows(batch(0, 10))
    sink.flush()
    path.write_text("mine")
    with pytest.raises(SinkError, match="already exists and belongs to no run file; move it"):
        sink.settle()
    assert path.read_text() == "mine"
    path.unlink()
    opened(path, 10)
    assert rows_of(path) == list(range(10))


@pytest.mark.parametrize("name", NAMES)
def test_output_that_is_missing_or_damaged_is_a_sink_error(tmp_path, opened, name):
    path = tmp_path / name
    sink = opened(path)
    sink.write_rows(batch(0, 10))
    sink.flush()
    sink.settle()
    sink.close()
    with pytest.raises(SinkError, match=r"must hold the 12 rows or events .* got 10; restore it"):
        FileSink(path).truncate_to(12, 0)
    if path.is_dir():
        next(path.iterdir()).write_bytes(b"no Parquet")
        with pytest.raises(SinkError, match="must be a complete Parquet file of the resumed run"):
            FileSink(path).truncate_to(10, 0)
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(SinkError, match=r"must hold the 10 rows or events .* got 0; restore it"):
        FileSink(path).truncate_to(10, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_is_a_sink_error(tmp_path, name):
    sink = FileSink(tmp_path / "later" / name)

    def write():
        sink.write_rows(batch(0, 1))
        sink.flush()

    with pytest.raises(SinkError, match=r"cannot be written: No such file.*fix the cause"):
        write()


def test_lines_of_csv_are_lines_of_the_file(tmp_path, opened):
    """A resumed run counts lines."""
    rows = batch(0, 1)
    for each in (
        Batch("a\nb", rows.times, rows.values, rows.schema),
        Batch("a", rows.times, rows.values, Schema.of("x\ny")),
    ):
        sink = opened(tmp_path / "a.csv")
        with pytest.raises(DataError, match="must be one line in CSV"):
            sink.write_rows(each)
