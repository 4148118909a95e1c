"""The command line in this process, and as a process of its own."""

import json
import os
import subprocess
import sys
from importlib.resources import files

from typer.testing import CliRunner

from streamlyt.cli import app
from tests._public_api import ROOT

DATA = files("streamlyt.molecular._data")
ALA2 = DATA / "ala2_flips.pdb", DATA / "ala2_flips.xtc"
VILLIN = DATA / "villin_go.pdb", DATA / "villin_go.dcd"
FLIPS = 5215, 8912
NOTES = "Compiling ", "Columns: ", "pump has 2 values"

MAIN = "from streamlyt.cli import main; main()"
SETTINGS = os.environ | {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TERM": "dumb",
    "COLUMNS": "200",
}


def cli(*words):
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def command(*words, code=MAIN):
    return [sys.executable, "-c", code, *map(str, words)]


def shell(*words, code=MAIN, **rest):
    """Run a command as a separate process."""
    rest = {"env": SETTINGS, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | rest
    return subprocess.run(command(*words, code=code), text=True, check=False, **rest)


def events(done):
    """Return the events that a command wrote as JSON lines."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(done, status, *words):
    """Check that a failure is one error line with these words and this status."""
    code = done.exit_code if hasattr(done, "exit_code") else done.returncode
    assert code == status, done.stderr
    assert done.stdout == ""
    # Status lines about columns and compilation precede the error.
    *notes, last = done.stderr.splitlines()
    assert last.startswith("streamlyt: "), done.stderr
    assert all(line.startswith(NOTES) for line in notes), done.stderr
    for word in words:
        assert word in last
