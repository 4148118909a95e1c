"""A run that is killed at any moment resumes from its run file with the same result."""

import random
import signal
import subprocess
import time

import numpy as np
import pytest

from streamlyt.runfile import RunFile
from tests._waiting import line_of, scaled
from tests.cli.running import ALA2, SETTINGS, command, shell
from tests.detectors.naive_multiscale_newma import compiled_only

pytestmark = compiled_only

COPIES = 4  # one after another: 56,000 frames, some seconds of work
KILLS = 20

# A checkpoint after every batch, so that many kills hit one. The word marks that the libraries are
# loaded, so that no kill hits the imports.
OFTEN = """
import sys
from functools import partialmethod
from streamlyt.engines.local import LocalEngine
from streamlyt.cli._detection import trajectory
from streamlyt.cli import main
LocalEngine.__init__ = partialmethod(LocalEngine.__init__, checkpoint_interval_s=0.0)
print("ready", file=sys.stderr, flush=True)
main()
"""

# A second word after the first batch, for an interrupt during the run.
AT_WORK = OFTEN.replace(
    "main()\n",
    """
run = LocalEngine.run
def reporting_run(self, progress=None):
    words = ["at work"]
    def report(rows):
        if words:
            print(words.pop(), file=sys.stderr, flush=True)
        if progress is not None:
            progress(rows)
    return run(self, report)
LocalEngine.run = reporting_run
main()
""",
)


def words(run):
    trajectory = [ALA2[1]] * COPIES
    return ("md", ALA2[0], *trajectory, "--run-file", run, "--resume", "--format", "jsonl")


def begun(run, code=OFTEN):
    """Start the command, and wait until its libraries are loaded."""
    process = subprocess.Popen(
        command(*words(run), code=code),
        env=SETTINGS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while line_of(process.stderr, "the libraries are loaded") != "ready\n":
        assert process.poll() is None
    return process


def content(run):
    """Rows, events and downsampling levels of a run file."""
    with RunFile.open(run) as opened:
        assert opened.meta["complete"]
        names = opened.schema("").channel_names
        times, values = opened.columns("")
        levels = [opened.downsample("", names, points=points) for points in (3, 50, 3000)]
        return opened.events(), times, values, levels


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "whole.streamlyt"
    done = shell(*words(run))
    assert done.returncode == 0, done.stderr
    return done.stdout, content(run)


def check(run, stdout, unkilled):
    whole_stdout, (events, times, values, levels) = unkilled
    got_events, got_times, got_values, got_levels = content(run)
    assert stdout == whole_stdout != ""
    assert got_events == events
    np.testing.assert_array_equal(got_times, times)
    np.testing.assert_array_equal(got_values, values)
    for got, level in zip(got_levels, levels, strict=True):
        for name in ("first_time", "minimum", "maximum", "mean"):
            if hasattr(level, name):
                np.testing.assert_array_equal(getattr(got, name), getattr(level, name))


def test_kill_9_at_twenty_random_moments_changes_nothing(tmp_path, unkilled):
    moments = random.Random(0)
    kills = runs = 0
    while kills < KILLS:
        run = tmp_path / f"{runs}.streamlyt"
        process = begun(run)
        time.sleep(moments.uniform(0.0, 0.5))
        if process.poll() is None:
            process.kill()
            kills += 1
        stdout, _ = process.communicate()
        if process.returncode == 0:  # finished before the kill: next run
            check(run, stdout, unkilled)
            runs += 1
    done = shell(*words(run := tmp_path / f"{runs}.streamlyt"))
    assert done.returncode == 0, done.stderr
    check(run, done.stdout, unkilled)


def test_ctrl_c_prints_one_line_and_the_run_resumes(tmp_path, unkilled):
    run = tmp_path / "a.streamlyt"
    process = begun(run, code=AT_WORK)
    assert line_of(process.stderr, "the first batch is done") == "at work\n"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=scaled(30))
    assert process.returncode == 130
    assert stdout == ""
    [line] = stderr.splitlines()
    assert line.startswith("streamlyt: stopped by Ctrl-C; ")
    assert line.endswith(f"frames stored in {run}: resume with the same command and --resume")
    with RunFile.open(run) as opened:
        assert f"{opened.meta['rows']:,} frames" in line
    done = shell(*words(run))
    check(run, done.stdout, unkilled)


def test_ctrl_c_without_a_run_file_prints_one_line():
    process = subprocess.Popen(
        command("md", ALA2[0], *[ALA2[1]] * 40, code=AT_WORK),
        env=SETTINGS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert line_of(process.stderr, "the libraries are loaded") == "ready\n"
    assert line_of(process.stderr, "the first batch is done") == "at work\n"
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=scaled(30))
    assert (process.returncode, stdout, stderr) == (130, "", "streamlyt: stopped by Ctrl-C\n")
