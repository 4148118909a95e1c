"""What the command costs before it works, and what it says of itself."""

import json
import os
import subprocess
from threading import Thread

import pytest

from streamlyt import registry
from tests.cli.running import SETTINGS, VILLIN, cli, command, shell
from tests.detectors.naive_multiscale_newma import compiled_only

# (pydantic is typer's own.)
HEAVY = (
    *("MDAnalysis", "bokeh", "numba", "numpy", "pandas", "pyarrow", "scipy", "sqlite3"),
    *("streamlyt.core", "streamlyt.config.pipeline_file", "streamlyt.engines.local"),
)
VERBS = ("demo", "md", "detect", "run", "config", "report", "list")


@pytest.mark.parametrize("words", [(), *((verb,) for verb in VERBS)])
def test_help_loads_nothing_heavy(words):
    code = (
        "import json, sys\nfrom streamlyt.cli import app\n"
        "try:\n    app()\nfinally:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = shell(*words, "--help", code=code)
    assert done.returncode == 0
    loaded = set(json.loads(done.stderr))
    assert not loaded & set(HEAVY)
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("columns", ["80", "120"])
def test_help_fits_the_terminal(columns):
    for verb in VERBS:
        done = shell(verb, "--help", env=SETTINGS | {"COLUMNS": columns})
        assert max(map(len, done.stdout.splitlines())) <= int(columns)


def test_no_verb_at_all_shows_the_help():
    done = cli()
    assert done.exit_code == 2
    assert all(verb in done.stdout + done.stderr for verb in VERBS)


def test_the_list_names_what_the_catalog_finds():
    lines = [line.split("\t") for line in cli("list").stdout.splitlines()]
    assert [["detectors", name] for name in registry.component_names("detectors")] == [
        line[:2] for line in lines if line[0] == "detectors"
    ]
    assert all(what.endswith(".") for _, _, what in lines)


@compiled_only
@pytest.mark.slow
def test_the_first_run_says_that_it_compiles_and_the_second_does_not(tmp_path):
    env = SETTINGS | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    first, second = (shell("md", *VILLIN, "--stop", 600, env=env) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert first.stderr.startswith(f"compiling kernels once into {tmp_path}/kernels")
    assert "compiling" not in second.stderr
    assert "a second" not in first.stderr  # a rate that counts the compiler says nothing


def read_terminal(terminal):
    try:
        return os.read(terminal, 1 << 12)
    except OSError:  # Linux's word for: the other side has closed it
        return b""


@compiled_only
def test_the_progress_bar_leaves_nothing_behind():
    """On a terminal the bar is drawn and erased: the closing line is all that stays."""
    ours, theirs = os.openpty()
    parts = []
    # Read while it runs: a terminal that nobody reads is full after 4 kB, and the command waits.
    reader = Thread(target=lambda: parts.extend(iter(lambda: read_terminal(ours), b"")))
    reader.start()
    done = subprocess.run(
        command("md", *VILLIN, "--stop", 3000),
        env=SETTINGS | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    drawn = b"".join(parts).decode()
    assert done.returncode == 0
    assert "3000/3000" in drawn
    assert "\x1b[2K" in drawn.rpartition("3000/3000")[2]  # the line of the bar is erased
    # (The rate follows where no kernel had to be compiled.)
    assert "villin_go.dcd: 1 change in 3,000 frames" in drawn.rstrip().splitlines()[-1]
