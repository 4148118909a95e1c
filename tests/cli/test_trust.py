"""A run file of another user can be read, but resuming it needs --trust."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from streamlyt.core import DeadLetter
from streamlyt.runfile import RunFile
from streamlyt.runfile.user_key import KEY_FILE
from tests.cli.running import cli

PIPELINE = """
[source]
type = "files"
path = "{table}"

[[operators]]
type = "river"
model = "preprocessing.StandardScaler() | linear_model.LinearRegression()"
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    rows = np.random.default_rng(0).normal(size=(300, 2))
    path.write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows.tolist()))
    return path


def of_another(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "of-another"))


def test_a_pipeline_resumes_it_with_trust(table, tmp_path, monkeypatch):
    file, run = tmp_path / "p.toml", tmp_path / "p.streamlyt"
    file.write_text(PIPELINE.format(table=table))
    assert cli("run", file, "--run-file", run).exit_code == 0
    assert cli("run", file, "--run-file", run, "--resume").exit_code == 0
    of_another(tmp_path, monkeypatch)
    refused = cli("run", file, "--run-file", run, "--resume")
    assert refused.exit_code == 1
    for word in ("mark of this user", "--trust", KEY_FILE):
        assert word in refused.stderr
    assert cli("report", run, "-o", tmp_path / "r.html").exit_code == 0
    assert cli("run", file, "--run-file", run, "--resume", "--trust").exit_code == 0
    assert cli("run", file, "--run-file", run, "--resume").exit_code == 0


def test_one_table_and_a_batch_resume_it_with_trust(table, tmp_path, monkeypatch):
    other = tmp_path / "b.csv"
    other.write_bytes(table.read_bytes())
    one = ("detect", table, "--run-file", tmp_path / "a.streamlyt")
    many = ("detect", table, other, "--run-file", tmp_path / "runs")
    for words in (one, many):
        assert cli(*words).exit_code == 0
    of_another(tmp_path, monkeypatch)
    for words in (one, many):
        refused = cli(*words, "--resume")
        assert refused.exit_code == 1
        assert "--trust" in refused.stderr
        assert cli(*words, "--resume", "--trust").exit_code == 0
        assert cli(*words, "--resume").exit_code == 0


def test_trust_needs_resume(table, tmp_path):
    for words in (("detect", table), ("detect", table, "--run-file", tmp_path / "a.streamlyt")):
        refused = cli(*words, "--trust")
        assert refused.exit_code == 2
        assert "--trust needs --resume" in refused.stderr


def test_dead_letters_of_another_user_are_not_sent(tmp_path, monkeypatch):
    run = tmp_path / "a.streamlyt"
    with RunFile.create(
        run, pipeline="[source]\ntype = 'kafka'\nbootstrap_servers = 'far:1'\n"
    ) as made:
        made.write_dead_letter(DeadLetter("t", 0, 1, None, b"?", "no row", 0))
        made.checkpoint({}, {})
    of_another(tmp_path, monkeypatch)
    assert cli("dead-letters", "list", run).exit_code == 0
    refused = cli("dead-letters", "redrive", run)
    assert refused.exit_code == 1
    assert "--trust" in refused.stderr


def test_a_modified_state_is_not_resumed(table, tmp_path):
    file, run = tmp_path / "p.toml", tmp_path / "p.streamlyt"
    file.write_text(PIPELINE.format(table=table))
    assert cli("run", file, "--run-file", run).exit_code == 0
    with closing(sqlite3.connect(run)) as db, db:
        db.execute("UPDATE states SET hash = 'x' || substr(hash, 2), version = 1")
        db.execute("DELETE FROM states WHERE operator = '_levels'")
    refused = cli("run", file, "--run-file", run, "--resume")
    assert refused.exit_code == 1
    assert "mark of this user" in refused.stderr
