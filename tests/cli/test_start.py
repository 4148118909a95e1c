"""Start-up cost and help of the command line."""

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
    *("streamlyt.core.operator", "streamlyt.config.pipeline_file", "streamlyt.engines.local"),
)
COMMANDS = ("demo", "md", "detect", "run", "config", "report", "list")


@pytest.mark.parametrize("words", [(), *((command_,) for command_ in COMMANDS)])
def test_help_imports_no_heavy_module(words):
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
    for command_ in COMMANDS:
        done = shell(command_, "--help", env=SETTINGS | {"COLUMNS": columns})
        assert max(map(len, done.stdout.splitlines())) <= int(columns)


def test_no_command_shows_the_help():
    done = cli()
    assert done.exit_code == 2
    assert all(name in done.stdout + done.stderr for name in COMMANDS)


def test_list_shows_the_components_of_the_registry():
    lines = [line.split("\t") for line in cli("list").stdout.splitlines()]
    assert [["detectors", name] for name in registry.component_names("detectors")] == [
        line[:2] for line in lines if line[0] == "detectors"
    ]
    assert all(what.endswith(".") for _, _, what in lines)


@compiled_only
@pytest.mark.slow
def test_only_the_first_run_reports_compilation(tmp_path):
    env = SETTINGS | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    first, second = (shell("md", *VILLIN, "--stop", 600, env=env) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert "ompiling" in first.stderr.splitlines()[0]
    assert f"{tmp_path}/kernels" in first.stderr.splitlines()[0]
    assert "ompiling" not in second.stderr
    assert "frames/s" not in first.stderr  # a rate that includes compilation is meaningless


def read_terminal(terminal):
    try:
        return os.read(terminal, 1 << 12)
    except OSError:  # on Linux: the other side is closed
        return b""


@compiled_only
def test_the_progress_bar_is_erased():
    """On a terminal the bar is drawn and erased: the closing line is all that stays."""
    ours, theirs = os.openpty()
    parts = []
    # Read while it runs: an unread terminal blocks the command after 4 kB.
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
