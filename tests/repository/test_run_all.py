"""``make test`` runs both halves regardless of the first, and prints the sum last."""

import os
import signal
import subprocess
import sys

import pytest

from tests._public_api import ROOT
from tests._waiting import line_of, scaled

COMMAND = [sys.executable, "-m", "tests.run_all", "-p", "no:cacheprovider", "--numprocesses", "0"]
ENV = os.environ | {"PYTHONPATH": str(ROOT)}
SETTINGS = "[pytest]\nmarkers =\n    kafka\n    browser\n"
SECOND = """
import pytest

@pytest.mark.kafka
def test_one(): pass

@pytest.mark.browser
def test_two(): pass
"""
LAST_FAILS = SECOND.replace("def test_two(): pass", "def test_two(): assert False")
PASSES = "def test_a(): pass\n"
FAILS = "def test_b(): assert False\n"
SKIPS = "import pytest\n@pytest.mark.skip\ndef test_c(): pass\n"
BREAKS = """
import pytest

@pytest.fixture
def broken(): raise OSError

def test_d(broken): pass
"""
DIES = "import os\ndef test_e(): os._exit(0)\n"
UNREADABLE = "import no_such_module\n"


@pytest.mark.parametrize(
    ("first", "second", "status", "total"),
    [
        pytest.param(PASSES + SKIPS, SECOND, 0, "3 passed, 0 failed, 1 skipped", id="passes"),
        pytest.param(FAILS + SKIPS, SECOND, 1, "2 passed, 1 failed, 1 skipped", id="first fails"),
        pytest.param(PASSES, LAST_FAILS, 1, "2 passed, 1 failed, 0 skipped", id="second fails"),
        pytest.param(BREAKS, SECOND, 1, "2 passed, 1 failed, 0 skipped", id="fixture fails"),
        # Both halves collect the file that cannot be imported, and stop there.
        pytest.param(UNREADABLE, SECOND, 1, "0 passed, 2 failed, 0 skipped", id="unreadable"),
        # A half without tests, and one that exits before it could report, count as failed.
        pytest.param("", SECOND, 1, "2 passed, 1 failed, 0 skipped", id="no first"),
        pytest.param(SKIPS, "", 1, "0 passed, 1 failed, 1 skipped", id="no second"),
        pytest.param(DIES, SECOND, 1, "2 passed, 1 failed, 0 skipped", id="dies"),
    ],
)
def test_both_halves_run_and_the_last_line_is_their_sum(tmp_path, first, second, status, total):
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_first.py").write_text(first)
    (tmp_path / "test_second.py").write_text(second)
    done = subprocess.run(
        COMMAND, cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == total, done.stdout
    assert done.returncode == status, done.stdout


def test_ctrl_c_stops_the_half_cleanly_and_starts_no_other(tmp_path):
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_first.py").write_text(
        "import pathlib, pytest, signal\n"
        "@pytest.fixture\n"
        "def held():\n"
        "    yield\n"
        "    pathlib.Path('ended').touch()\n"
        f"{PASSES}"
        "def test_waits(held):\n"
        "    print('waits', flush=True)\n"
        "    signal.pause()\n"
    )
    (tmp_path / "test_second.py").write_text(SECOND)
    with subprocess.Popen(
        [*COMMAND, "--capture=no"],
        cwd=tmp_path,
        env=ENV,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while "waits" not in (line := line_of(process.stdout, "a test waits")):
            assert line, "the process ended"
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=scaled(60))
    assert process.returncode == 130
    assert output.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert (tmp_path / "ended").exists()
