"""Pipelines over files that fail, stop, resume and are followed, on the command line."""

import numpy as np
import pytest

from streamlyt.connectors import FileSource
from streamlyt.engines import LocalEngine
from streamlyt.runfile import RunFile
from tests.cli.running import cli

PIPELINE = """
[source]
type = "files"
path = "a.csv"
batch_size = 100

[[operators]]
type = "newma"

[[sinks]]
type = "files"
path = "{out}"
"""
N = 3000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(start, stop):
    return "".join(f"{(i * 7) % 13}.5\n" for i in range(start, stop))


def columns(path):
    with RunFile.open(path) as run:
        return run.columns("")


def stop_at(monkeypatch, n_rows):
    """Stop runs after this number of rows."""
    run = LocalEngine.run
    monkeypatch.setattr(
        LocalEngine,
        "run",
        lambda self, _=None: run(self, lambda rows: self.stop() if rows >= n_rows else None),
    )


def run(*words):
    return cli("run", "p.toml", "--run-file", "r.streamlyt", *words)


def test_a_recorded_run_that_was_stopped_is_followed(folder, monkeypatch):
    (folder / "p.toml").write_text(PIPELINE.format(out="out.csv"))
    (folder / "a.csv").write_text("x\n" + lines(0, N))
    with monkeypatch.context() as patched:
        stop_at(patched, 1000)
        run()
    with RunFile.open("r.streamlyt") as stopped:
        assert 1000 <= stopped.meta["rows"] < N
    with (folder / "a.csv").open("a") as file:
        file.write(lines(N, N + 500) + "1.")
    with monkeypatch.context() as patched:
        stop_at(patched, N + 500)
        done = run("--resume", "--follow")
    assert done.exit_code == 130, done.stderr  # stopped
    (folder / "a.csv").write_text("x\n" + lines(0, N + 500))
    (folder / "p.toml").write_text(PIPELINE.format(out="whole.csv"))
    cli("run", "p.toml", "--run-file", "whole.streamlyt")
    for got, expected in zip(columns("r.streamlyt"), columns("whole.streamlyt"), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert (folder / "out.csv").read_text() == (folder / "whole.csv").read_text()


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_run_that_fails_before_its_first_checkpoint_resumes_when_the_file_is_corrected(
    folder, out
):
    (folder / "p.toml").write_text(PIPELINE.format(out=out))
    text = lines(0, N).splitlines(keepends=True)
    (folder / "a.csv").write_text("x,y\n" + "".join(f"0,{line}" for line in [*text[:-9], "\n"]))
    done = run()
    assert done.exit_code == 1, done.stderr
    assert not (folder / out).exists()
    (folder / "a.csv").write_text("x,y\n" + "".join(f"0,{line}" for line in text))
    done = run("--resume")
    assert done.exit_code in (0, 3), done.stderr
    source = FileSource(folder / out, time_column="time", key_column="key")
    assert sum(batch.n_rows for batch, _ in source.read()) == N
