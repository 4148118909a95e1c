"""Tests wait longer on a slower machine, by a stated factor, and report what they waited for."""

import io
import os
import subprocess
import sys
import threading

import pytest

from tests._public_api import ROOT
from tests._waiting import VARIABLE, Patience, joined, line_of, wait_for

HEADER = [sys.executable, "-m", "pytest", "--collect-only", "tests/_waiting.py"]


class FakeClock:
    """A clock that advances only in waits."""

    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def wait(self, condition, seconds, what, factors):
        """Wait by this clock; return the result, the duration in seconds and the lines."""
        by, start = Patience(measure=iter(factors).__next__), self.now
        result = wait_for(condition, seconds, what, by=by, clock=self, sleep=self.sleep)
        return result, self.now - start, by.longer


def test_wait_ends_as_soon_as_its_condition_is_true():
    clock = FakeClock()
    result, duration, longer = clock.wait(lambda: clock.now >= 53 and "here", 10, "it comes", [1.0])
    assert result == "here"
    assert duration == pytest.approx(3, abs=0.1)
    assert longer == []
    assert clock.wait(lambda: 7, 0, "it is here", [1.0])[:2] == (7, 0)


def test_failed_wait_reports_event_duration_and_factor():
    clock = FakeClock()
    message = (
        r"did not happen within 30\.0 s that row 5 comes \(10 s on the reference machine, "
        r"3\.0 times longer here\)"
    )
    with pytest.raises(AssertionError, match=message):
        clock.wait(lambda: False, 10, lambda: "row 5 comes", [3.0, 2.0])
    assert clock.now == pytest.approx(80, abs=0.1)


def test_wait_is_prolonged_if_the_machine_has_become_slower():
    clock = FakeClock()
    result, duration, longer = clock.wait(
        lambda: clock.now >= 80, 10, "the daemon is ready", [1.0, 4.0]
    )
    assert result
    assert duration == pytest.approx(30, abs=0.1)
    assert longer == [
        "machine is 4.0 times slower than the reference: waited up to 40.0 instead of 10.0 s that "
        "the daemon is ready"
    ]
    with pytest.raises(AssertionError, match=r"within 40\.0 s"):
        clock.wait(lambda: False, 10, "the daemon is ready", [1.0, 4.0, 4.0])


def test_condition_is_called_once_more_after_the_bound():
    clock = FakeClock()
    clock.sleep = lambda seconds: setattr(clock, "now", clock.now + 1e6)  # this process was stopped
    assert clock.wait(lambda: clock.now > 1e6, 10, "it comes", [1.0])[0]


def test_factor_is_between_one_and_ten():
    assert Patience(measure=lambda: 0.2).factor == 1
    assert Patience(measure=lambda: 99.0).factor == 10


def test_thread_and_process_that_do_not_end_are_reported(monkeypatch):
    monkeypatch.setattr("tests._waiting.patience", lambda: Patience("1"))
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with pytest.raises(AssertionError, match=r"within 0\.1 s that the run ends"):
        joined(thread, "the run ends", 0.1)
    over.set()
    joined(thread, "the run ends")
    assert line_of(io.StringIO("ready\n"), "it is ready") == "ready\n"
    ours, theirs = os.pipe()
    with open(ours) as stream, open(theirs, "w") as end:
        with pytest.raises(AssertionError, match="that it is ready"):
            line_of(stream, "it is ready", 0.1)
        end.write("late\n")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("2.5", f"{VARIABLE} is 2.5: tests wait 2.5 times longer"),
        ("soon", f"{VARIABLE} must be a number of at least 1, got 'soon'"),
        ("0.5", f"{VARIABLE} must be a number of at least 1, got '0.5'"),
        (None, "machine is "),
    ],
)
def test_session_header_states_the_factor(given, text):
    env = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if given is not None:
        env[VARIABLE] = given
    done = subprocess.run(HEADER, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert text in done.stdout + done.stderr
    assert (done.returncode == 0) == ("must be" not in text)


def test_header_states_how_much_slower_the_machine_is():
    assert Patience(measure=lambda: 3.2).header() == (
        "machine is 3.2 times slower than the reference: tests wait 3.2 times longer"
    )
    assert Patience(measure=lambda: 1.02).header() == (
        "machine is as fast as the reference: tests wait no longer than they state"
    )
