"""All tests in two halves, the second one whatever came of the first, and the sum of both.

``python -m tests.run_all [options of pytest]``; ``make test`` calls it. The last line of output is
the sum, ``N passed, N failed, N skipped``; a test whose set-up or clean-up fails counts as failed,
and so does a half that ends by itself before it could report. The exit status is 0 if and only if
both halves have run and passed.
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

# Tests that share a broker, or hold a daemon or a browser to seconds, run one after another.
_ALONE = "kafka or browser"
_HALVES = (
    (
        "in parallel",
        ("-m", f"not ({_ALONE})", "--numprocesses", "auto"),
        {"OPENBLAS_NUM_THREADS": "1"},
    ),
    ("one after another", ("-m", _ALONE), {}),
)
_FILE = "STREAMLYT_TEST_COUNTS"
_COUNTED = {
    "passed": ("passed", "xpassed"),
    "failed": ("failed", "error"),
    "skipped": ("skipped", "xfailed"),
}
_INTERRUPTED = 130


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write what pytest has counted into the file that the environment names."""
    counts = {
        name: sum(len(terminalreporter.stats.get(each, ())) for each in parts)
        for name, parts in _COUNTED.items()
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
    # Ctrl-C reaches pytest too, which needs its time to end broker and daemons in order.
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        for name, words, env in _HALVES:
            print(f"== tests that run {name}", flush=True)
            ended, counts = _half([*words, *options], env)
            unreported = counts is None
            counts = counts or dict.fromkeys(_COUNTED, 0)
            if unreported or (ended and not counts["failed"]):
                counts["failed"] = 1  # it ended otherwise than by a test
                print(f"the tests that run {name} ended with status {ended}", flush=True)
            status |= unreported or bool(ended)
            total = {each: total[each] + counts[each] for each in total}
            if interrupts:
                status = _INTERRUPTED
                break
    finally:
        signal.signal(signal.SIGINT, before)
    print(", ".join(f"{n} {name}" for name, n in total.items()), flush=True)
    return status


def _half(words: Sequence[str], env: dict[str, str]) -> tuple[int, dict[str, int] | None]:
    """Run pytest; return its exit status and what it counted, None where it did not report."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts.json"
        command = [sys.executable, "-m", "pytest", "-p", "tests.run_all", *words]
        ended = subprocess.run(command, env=os.environ | {_FILE: str(file)} | env, check=False)
        counts = json.loads(file.read_text()) if file.exists() else None
    return ended.returncode, counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
