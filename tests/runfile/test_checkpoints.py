import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from streamlyt.core import Batch, DeadLetter, Event, Schema
from streamlyt.core.errors import StateError
from streamlyt.runfile import RunFile
from tests.runfile.test_writer import chunks

SCHEMA = Schema.of("x", "y")
VALUES = np.random.default_rng(0).normal(size=(5000, 2))
ENDS = (700, 1500, 2300, 2900, 5000)  # rows at each checkpoint, of both series together


def part(start, stop, key):
    return Batch(key, np.arange(start, stop), VALUES[start:stop], SCHEMA)


def states(step):
    """A large state in a file of its own, and two small ones; one changes at every other step."""
    return {
        "a": {
            "large": {"rows": np.full(40_000, float(step))},
            "small": {"mean": np.array([step, 1.0])},
        },
        "b": {"slow": {"mean": np.array([float(step // 2)])}},
    }


def take(run, step):
    """Write the rows, events, dead letters and late rows of a step."""
    start, stop = (0, *ENDS)[step], ENDS[step]
    middle = (start + stop) // 2
    run.write_rows(part(start, middle, "a"))
    run.write_rows(part(middle, stop, "b" if step else "a"))
    run.write_event(Event("a", "newma", stop, stop, start, start, 2.0, 1.0))
    run.write_dead_letter(DeadLetter("t", 0, step, None, b"?", "no row", 0))
    run.write_late_rows(part(start, start + 2, "a"))
    run.checkpoint({"s": {"row": stop}}, states(step), rows=stop, seconds=float(step))


def made(path, steps=4, overwrite=False):
    with RunFile.create(path, pipeline="", chunk_bytes=2048, overwrite=overwrite) as run:
        for step in range(steps):
            take(run, step)
    return path


def same(run, step):
    """Check that a run has the content of a step."""
    expected = states(step)
    for key, by_name in run.states().items():
        for name, state in by_name.items():
            for each, array in state.items():
                np.testing.assert_array_equal(array, expected[key][name][each])
    assert run.position("s") == {"row": ENDS[step]}
    assert (run.meta["rows"], run.meta["seconds"]) == (ENDS[step], step)
    assert run.n_rows("a") + (run.n_rows("b") if step else 0) == ENDS[step]
    assert [event.alarm_index for event in run.events()] == list(ENDS[: step + 1])
    assert [letter.offset for letter in run.dead_letters()] == list(range(step + 1))
    assert len(run.late_rows()) == step + 1


def newest_file(path):
    """Return the file of the large state of the last checkpoint."""
    with closing(sqlite3.connect(path)) as db:
        (name,) = db.execute(
            "SELECT hash FROM states WHERE operator = 'large' ORDER BY step DESC LIMIT 1"
        ).fetchone()
    return path.with_name(path.name + ".d") / f"{name}.state"


def harm(data, rng):
    """Return bytes that are truncated, have a bit flipped, or are partly zeroed."""
    data = bytearray(data)
    kind = rng.integers(3)
    if kind == 0:
        return bytes(data[: rng.integers(len(data))])
    if kind == 1:
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        return bytes(data)
    filled = [i for i, byte in enumerate(data) if byte]
    start = filled[rng.integers(len(filled))]
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    return bytes(data)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    return made(folder / "a.streamlyt"), made(folder / "all.streamlyt", steps=5)


def damaged_copy(source, folder, seed):
    rng = np.random.default_rng(seed)
    path = folder / "a.streamlyt"
    shutil.copy(source, path)
    shutil.copytree(f"{source}.d", f"{path}.d", dirs_exist_ok=True)
    if seed % 2:
        file = newest_file(path)
        file.write_bytes(harm(file.read_bytes(), rng))
        return path
    name = ("small", "_levels")[seed // 2 % 2]
    with closing(sqlite3.connect(path)) as db, db:
        row, blob = db.execute(
            "SELECT rowid, blob FROM states WHERE operator = ? ORDER BY step DESC LIMIT 1", (name,)
        ).fetchone()
        db.execute("UPDATE states SET blob = ? WHERE rowid = ?", (harm(blob, rng), row))
    return path


@pytest.mark.parametrize("tens", range(20))
def test_damaged_checkpoint_is_skipped_with_a_warning(tens, intact, tmp_path, caplog):
    source, complete = intact
    expected = chunks(RunFile.open(complete))
    for seed in range(10 * tens, 10 * tens + 10):
        path = damaged_copy(source, tmp_path, seed)
        caplog.clear()
        with caplog.at_level(logging.WARNING), RunFile.open(path, write=True) as run:
            run.restore_latest()
            assert "checkpoint 4 is skipped" in caplog.text
            same(run, 2)
            if seed % 5:
                continue
            for step in (3, 4):  # and what follows is what would have followed
                take(run, step)
            same(run, 4)
        assert chunks(RunFile.open(path)) == expected


def test_two_damaged_checkpoints_are_skipped_and_three_are_an_error(intact, tmp_path, caplog):
    path = tmp_path / "a.streamlyt"
    shutil.copy(intact[0], path)
    shutil.copytree(f"{intact[0]}.d", f"{path}.d")
    newest_file(path).unlink()
    for left in (2, 1):
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE states SET blob = x'00' WHERE operator = 'small' AND step = 3")
            if left == 1:
                db.execute("UPDATE states SET blob = x'00' WHERE operator = 'small' AND step = 2")
        if left == 2:
            copy = tmp_path / "copy.streamlyt"
            shutil.copy(path, copy)
            shutil.copytree(f"{path}.d", f"{copy}.d")
            with RunFile.open(copy, write=True) as run:
                run.restore_latest()
                same(run, 1)
            continue
        with (
            RunFile.open(path, write=True) as run,
            pytest.raises(StateError, match="does not have the hash"),
        ):
            run.restore_latest()
    assert caplog.text.count("is skipped") == 5


def test_exactly_three_checkpoints_are_kept(tmp_path):
    path = made(tmp_path / "a.streamlyt", steps=5)
    files = list(Path(f"{path}.d").iterdir())
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT operator, step FROM states WHERE operator != '_levels'")
        stored = {}
        for operator, step in found:
            stored.setdefault(operator, []).append(step)
        steps = [step for (step,) in db.execute("SELECT step FROM generations ORDER BY step")]
    assert stored == {"large": [3, 4, 5], "small": [3, 4, 5], "slow": [3, 5]}
    assert steps == [3, 4, 5]
    assert len(files) == 3


def test_intact_file_is_restored_without_a_warning(intact, tmp_path, caplog):
    path = tmp_path / "a.streamlyt"
    shutil.copy(intact[0], path)
    shutil.copytree(f"{intact[0]}.d", f"{path}.d")
    with RunFile.open(path, write=True) as run:
        run.restore_latest()
        same(run, 3)
    assert not caplog.text


def test_checkpoint_size_grows_with_the_changed_series_only(tmp_path):
    written = {}
    for changed in (10, 100):
        path = tmp_path / f"{changed}.streamlyt"
        with RunFile.create(path, pipeline="") as run:
            for i in range(1000):
                run.write_rows(part(i, i + 1, f"k{i}"))
            many = {f"k{i}": {"mean": {"mean": VALUES[i : i + 100, 0]}} for i in range(1000)}
            run.checkpoint({}, many)
            run._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for i in range(changed):
                run.write_rows(part(i + 2000, i + 2001, f"k{i * 7}"))
            run.checkpoint(
                {},
                {f"k{i * 7}": {"mean": {"mean": VALUES[i : i + 100, 1]}} for i in range(changed)},
            )
            written[changed] = path.with_name(path.name + "-wal").stat().st_size
    assert written[10] < 0.25 * written[100]


def test_run_of_format_1_is_read_and_resumed(tmp_path):
    path = tmp_path / "old.streamlyt"
    shutil.copy(Path(__file__).parents[1] / "data" / "format-1.streamlyt", path)
    with RunFile.open(path) as run:
        assert run.n_rows("a") == 100
        assert run.states()["a"]["mean"]["mean"].tolist() == [0, 1, 2]
    with pytest.raises(StateError, match="--trust"):
        RunFile.open(path, write=True)
    with RunFile.open(path, write=True, trust=True) as run:
        assert run.restore_latest()["a"]["mean"]["mean"].tolist() == [0, 1, 2]
        run.write_rows(Batch("a", np.arange(100, 200), np.ones((100, 1)), Schema.of("x")))
        run.checkpoint({"walk": {"row": 200}}, {"a": {"mean": {"mean": np.ones(3)}}}, rows=200)
    with RunFile.open(path, write=True) as run:
        assert run.meta["format"] == 2
        assert run.n_rows("a") == 200
        assert run.restore_latest()["a"]["mean"]["mean"].tolist() == [1, 1, 1]
        assert run.position("walk") == {"row": 200}
