"""Run all tests in two halves, the second one regardless of the first, and sum the results.

``python -m tests.run_all [options of pytest]``; ``make test`` calls it. The last line of output is
the sum, ``N passed, N failed, N skipped``. A test with an error in set-up or clean-up counts as
failed, and so does a half that exits before it could report. The exit status is 0 if and only if
both halves ran and passed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["main"]

# Tests that share a broker, or have time limits for a daemon or a browser, run one by one.
_SERIAL = "kafka or browser"
_HALVES = (
    (
        "in parallel",
        ("-m", f"not ({_SERIAL})", "--numprocesses", "auto"),
        {"OPENBLAS_NUM_THREADS": "1"},
    ),
    ("one after another", ("-m", _SERIAL), {}),
)
_FILE = "STREAMLYT_TEST_COUNTS"
_COUNTED = {
    "passed": ("passed", "xpassed"),
    "failed": ("failed", "error"),
    "skipped": ("skipped", "xfailed"),
}
_INTERRUPTED = 130


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the counts of pytest into the file that the environment names."""
    counts = {
        name: sum(len(terminalreporter.stats.get(outcome, ())) for outcome in outcomes)
        for name, outcomes in _COUNTED.items()
    }
    Path(os.environ[_FILE]).write_text(json.dumps(counts))


def main(options: Sequence[str]) -> int:
    """Run both halves and print their sum; return the exit status.

    Parameters
    ----------
    options
        Further arguments for pytest, the same for both halves.
    """
    total, status = dict.fromkeys(_COUNTED, 0), 0
    interrupts: list[int] = []
    # Ctrl-C reaches pytest too, which needs time to stop broker and daemons cleanly.
    previous = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        for name, arguments, env in _HALVES:
            print(f"== tests that run {name}", flush=True)
            exit_status, counts = _half([*arguments, *options], env)
            unreported = counts is None
            counts = counts or dict.fromkeys(_COUNTED, 0)
            if unreported or (exit_status and not counts["failed"]):
                counts["failed"] = 1  # the failure is not of a test
                print(f"the tests that run {name} ended with status {exit_status}", flush=True)
            status |= unreported or bool(exit_status)
            total = {name: total[name] + counts[name] for name in total}
            if interrupts:
                status = _INTERRUPTED
                break
    finally:
        signal.signal(signal.SIGINT, previous)
    print(", ".join(f"{n} {name}" for name, n in total.items()), flush=True)
    return status


def _half(arguments: Sequence[str], env: dict[str, str]) -> tuple[int, dict[str, int] | None]:
    """Run pytest; return its exit status and its counts, None if it did not report."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        command = [sys.executable, "-m", "pytest", "-p", "tests.run_all", *arguments]
        done = subprocess.run(command, env=os.environ | {_FILE: str(file)} | env, check=False)
        counts = json.loads(file.read_text()) if file.exists() else None
    return done.returncode, counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
