"""A run file is resumed only if its states were written by this user."""

import json
import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import SinkError, StateError
from streamlyt.core.state import pack, state_digest
from streamlyt.runfile import RunFile
from streamlyt.runfile.user_key import KEY_FILE

LARGE = np.arange(40_000.0)
UNTRUSTED = r"must carry the mark of this user to be resumed.*--trust.*STREAMLYT_KEY_FILE"


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "key"))
    return tmp_path / "key"


def take(run, step):
    run.write_rows(
        Batch("a", np.arange(10 * step, 10 * step + 10), np.ones((10, 1)), Schema.of("x"))
    )
    states = {"one": {"mean": np.array([float(step)])}, "large": {"rows": LARGE + step}}
    if step == 1:
        states["still"] = {"mean": np.zeros(3)}
    run.checkpoint({"s": {"row": 10 * step}}, {"a": states}, rows=10 * step, seconds=1.5 * step)


def made(path, steps=3, first=1):
    with RunFile.create(path, pipeline="[source]\n") as run:
        for step in range(first, first + steps):
            take(run, step)
    return path


def resumed(path, **rest):
    with RunFile.open(path, write=True, **rest) as run:
        return run.restore_latest()


def change(path, statement, values=()):
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement, values).rowcount > 0


def dumped(path):
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def another_key(monkeypatch, tmp_path):
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "of-another"))


def test_run_resumes_with_the_same_key_only(tmp_path, monkeypatch):
    path = made(tmp_path / "a.streamlyt")
    assert resumed(path)["a"]["one"]["mean"] == 3
    with RunFile.open(path, write=True) as run:
        run.restore_latest()
        take(run, 4)
        take(run, 5)
    assert resumed(path)["a"]["one"]["mean"] == 5
    before = dumped(path)
    another_key(monkeypatch, tmp_path)
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(path, write=True)
    assert dumped(path) == before
    assert not path.with_name("a.streamlyt-wal").exists()
    with RunFile.open(path) as run:
        assert run.n_rows("a") == 50
        assert run.states()["a"]["one"]["mean"] == 5
        with pytest.raises(SinkError, match="open for reading"):
            run.checkpoint({}, {})


def test_trusted_run_is_marked(tmp_path, monkeypatch):
    path = made(tmp_path / "a.streamlyt")
    another_key(monkeypatch, tmp_path)
    assert resumed(path, trust=True)["a"]["one"]["mean"] == 3
    assert resumed(path)["a"]["one"]["mean"] == 3
    with RunFile.open(path, write=True) as run:
        take(run, 4)
    assert resumed(path)["a"]["one"]["mean"] == 4


BLOB = pack({"mean": np.array([-7.0])})
NEWEST = "WHERE operator = 'one' AND step = 3"


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (f"UPDATE states SET key = 'b' {NEWEST}", ()),
        (f"UPDATE states SET operator = 'two' {NEWEST}", ()),
        (f"UPDATE states SET step = 0 {NEWEST}", ()),
        (f"UPDATE states SET version = 1 {NEWEST}", ()),
        (f"UPDATE states SET hash = ?, blob = ? {NEWEST}", (state_digest(BLOB), BLOB)),
        (f"DELETE FROM states {NEWEST}", ()),
        ("INSERT INTO states VALUES ('a', 'new', 3, 2, ?, ?)", (state_digest(BLOB), BLOB)),
        ("INSERT INTO states VALUES ('b', 'one', 1, 2, ?, ?)", (state_digest(BLOB), BLOB)),
        ("UPDATE positions SET position = '{\"row\": 0}'", ()),
        ("INSERT INTO positions VALUES ('t', '{}')", ()),
        ("DELETE FROM positions", ()),
        ("UPDATE meta SET value = '7' WHERE name = 'rows'", ()),
        ("UPDATE meta SET value = '7.0' WHERE name = 'seconds'", ()),
        ("UPDATE meta SET value = '2' WHERE name = 'step'", ()),
        ("UPDATE meta SET value = '4' WHERE name = 'step'", ()),
        ("UPDATE meta SET value = '\"x\"' WHERE name = 'pipeline'", ()),
        ("UPDATE meta SET value = '\"0\"' WHERE name = 'run'", ()),
        ("DELETE FROM meta WHERE name = 'run'", ()),
        ("INSERT INTO meta VALUES ('taken', '{\"a\": [1, 2]}')", ()),
        ("DELETE FROM generations", ()),
        ("DELETE FROM generations WHERE step = 3", ()),
        ("UPDATE generations SET step = 9 WHERE step = 3", ()),
        ("UPDATE generations SET record = '[]' WHERE step = 3", ()),
        ("UPDATE generations SET record = 'no JSON' WHERE step = 3", ()),
        ("UPDATE generations SET record = replace(record, '15', '16') WHERE step = 3", ()),
        ("UPDATE generations SET record = json_remove(record, '$.mark') WHERE step = 3", ()),
        ("UPDATE generations SET record = json_set(record, '$.mark', 5) WHERE step = 3", ()),
        ("UPDATE generations SET record = json_set(record, '$.sum', '0') WHERE step = 3", ()),
    ],
)
def test_every_change_is_detected(tmp_path, statement, values):
    path = made(tmp_path / "a.streamlyt")
    change(path, statement, values)
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(path, write=True)
    with RunFile.open(path) as run:
        assert run.keys() == ["a"]


def test_state_files_are_covered(tmp_path):
    path = made(tmp_path / "a.streamlyt")
    other = pack({"rows": LARGE - 1})
    Path(f"{path}.d", f"{state_digest(other)}.state").write_bytes(other)
    change(
        path, "UPDATE states SET hash = ? WHERE blob IS NULL AND step = 3", (state_digest(other),)
    )
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(path, write=True)


def test_older_state_of_the_same_run_is_not_accepted(tmp_path):
    path = made(tmp_path / "a.streamlyt")
    old = tmp_path / "old.streamlyt"
    shutil.copy(path, old)
    with RunFile.open(path, write=True) as run:
        run.restore_latest()
        take(run, 4)
    with closing(sqlite3.connect(old)) as db:
        name, blob = db.execute(f"SELECT hash, blob FROM states {NEWEST}").fetchone()
    change(
        path,
        "UPDATE states SET hash = ?, blob = ? WHERE operator = 'one' AND step = 4",
        (name, blob),
    )
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(path, write=True)


def test_states_of_another_run_of_the_same_user_are_not_accepted(tmp_path):
    path, other = made(tmp_path / "a.streamlyt"), made(tmp_path / "b.streamlyt", first=1)
    with closing(sqlite3.connect(other)) as db:
        rows = db.execute("SELECT record FROM generations WHERE step = 3").fetchone()
    change(path, "UPDATE generations SET record = ? WHERE step = 3", rows)
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(path, write=True)


def test_damaged_checkpoint_is_skipped_only_for_a_marked_one(tmp_path, caplog):
    path = made(tmp_path / "a.streamlyt")
    change(path, "UPDATE states SET hash = '00' WHERE operator = 'one' AND step = 3")
    copy = tmp_path / "copy.streamlyt"
    shutil.copy(path, copy)
    shutil.copytree(f"{path}.d", f"{copy}.d")
    with caplog.at_level(logging.WARNING):
        assert resumed(path)["a"]["one"]["mean"] == 2
    assert "checkpoint 3 is skipped" in caplog.text
    assert resumed(path)["a"]["one"]["mean"] == 2  # what it was made has a mark of its own
    change(
        copy,
        "UPDATE states SET hash = ?, blob = ? WHERE operator = 'one' AND step = 2",
        (state_digest(BLOB), BLOB),
    )
    with pytest.raises(StateError, match=UNTRUSTED):
        RunFile.open(copy, write=True)


def test_marks_of_older_checkpoints_are_checked_before_a_rewind(tmp_path, caplog):
    path = made(tmp_path / "a.streamlyt")
    change(
        path,
        "UPDATE states SET hash = ?, blob = ? WHERE operator = 'one' AND step = 2",
        (state_digest(BLOB), BLOB),
    )
    with RunFile.open(path, write=True) as run:  # the newest one is intact
        change(path, "UPDATE states SET blob = x'00' WHERE operator = 'one' AND step = 3")
        with caplog.at_level(logging.WARNING):
            assert run.restore_latest()["a"]["one"]["mean"] == 1
    assert "does not carry the mark" in caplog.text


def test_checkpoint_without_a_rewind_gets_no_mark(tmp_path):
    path = made(tmp_path / "a.streamlyt")
    change(path, "UPDATE states SET hash = '00' WHERE operator = 'one' AND step = 3")
    with RunFile.open(path, write=True) as run:
        run.checkpoint({}, {})
    with closing(sqlite3.connect(path)) as db:
        (record,) = db.execute("SELECT record FROM generations WHERE step = 4").fetchone()
    assert "mark" not in json.loads(record)
    assert resumed(path)["a"]["one"]["mean"] == 2


def test_empty_file_needs_no_mark(tmp_path, monkeypatch):
    path = tmp_path / "a.streamlyt"
    RunFile.create(path, pipeline="").close()
    another_key(monkeypatch, tmp_path)
    with RunFile.open(path, write=True) as run:
        take(run, 1)
    assert resumed(path)["a"]["one"]["mean"] == 1


def test_without_a_key_a_warning_is_logged_and_resuming_needs_trust(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "file" / "key"))
    with caplog.at_level(logging.WARNING):
        path = made(tmp_path / "a.streamlyt")
    assert caplog.text.count("gets no marks") == 1
    assert "STREAMLYT_KEY_FILE" in caplog.text
    for _ in range(2):
        with pytest.raises(StateError, match=UNTRUSTED):
            RunFile.open(path, write=True)
        assert resumed(path, trust=True)["a"]["one"]["mean"] == 3


def test_states_under_another_step_are_never_read(tmp_path):
    path = made(tmp_path / "a.streamlyt")
    later = pack({"n": np.array([5])})
    change(
        path,
        "INSERT INTO states VALUES ('a', '_levels', 99, 2, ?, ?)",
        (state_digest(later), later),
    )
    with RunFile.open(path, write=True) as run:
        run.restore_latest()
        take(run, 4)
        assert run.n_rows("a") == 40


def test_cost_of_a_mark_grows_with_the_changed_states_only(tmp_path):
    path = tmp_path / "a.streamlyt"
    with RunFile.create(path, pipeline="") as run:
        many = {f"k{i}": {"one": {"mean": np.array([float(i)])}} for i in range(500)}
        run.checkpoint({}, many)
        numbers = []
        element = run._marks._number

        def counted(message):
            numbers.append(message)
            return element(message)

        run._marks._number = counted
        run.checkpoint({}, {"k7": {"one": {"mean": np.array([-1.0])}}})
        assert len(numbers) == 1
    assert len(resumed(path)) == 500


def test_key_is_in_no_run_file(tmp_path, key):
    path = made(tmp_path / "a.streamlyt")
    secret = key.read_bytes()
    assert secret not in path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        (record,) = db.execute("SELECT record FROM generations WHERE step = 3").fetchone()
    assert secret.hex() not in record
    assert len(json.loads(record)["mark"]) == 64
