"""Reading a run file that another process writes: new data and lengths."""

import numpy as np
import pytest

from streamlyt.core import Batch, Event, Schema
from streamlyt.runfile import RunFile

SCHEMA = Schema.of("x")


def rows(key, first, n):
    return Batch(key, np.arange(first, first + n) * 3, np.arange(first, first + n)[:, None], SCHEMA)


def found(i, key="a"):
    return Event(key, "newma", i, i, i, i, 1.0, 0.5)


def test_data_version_changes_with_every_checkpoint_of_another_process_only(tmp_path):
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as writer, RunFile.open(path) as reader:
        seen = [reader.data_version(), reader.data_version()]
        for i in range(3):
            writer.write_rows(rows("a", i * 10, 10))
            assert reader.data_version() == seen[-1]
            writer.checkpoint({}, {})
            seen += [reader.data_version(), reader.data_version()]
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 4


def test_row_counts_returns_all_series(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="", chunk_bytes=256) as run:
        run.write_rows(rows("late", 0, 0))
        run.write_rows(rows("a", 0, 500))
        run.write_rows(rows("b*[1]", 0, 7))
        run.checkpoint({}, {})
        assert run.row_counts() == {"late": (0, 0), "a": (500, 1497), "b*[1]": (7, 18)}
        assert {key: run.n_rows(key) for key in ("late", "a", "b*[1]")} == {
            "late": 0,
            "a": 500,
            "b*[1]": 7,
        }


def test_events_can_start_after_known_events(tmp_path):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        for i in range(6):
            run.write_event(found(i, "ab"[i % 2]))
        run.checkpoint({}, {})
        assert run.events(start=4) == run.events()[4:]
        assert run.events("b", start=2) == [found(3, "b"), found(5, "b")]
        assert run.events(start=6) == []


@pytest.mark.parametrize("start", [0, 1, 63, 640, 2_999, 9_990])
def test_range_reads_all_chunks_that_it_overlaps(tmp_path, start):
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="", chunk_bytes=1024) as run:
        run.write_rows(rows("a", 0, 10_000))
        run.checkpoint({}, {})
        for stop in (start + 1, start + 200, 10_000):
            times, values = run.columns("a", start=start, stop=stop)
            np.testing.assert_array_equal(values[:, 0], np.arange(start, min(stop, 10_000)))
            np.testing.assert_array_equal(times, values[:, 0] * 3)
