"""The real command in a process of its own: its CPU seconds and the most memory that it held."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Run", "streamlyt"]

# The peak that the parent's rusage tells begins with the parent's own memory, since the child
# starts as its copy; VmHWM is that of the program alone.
PROGRAM = """
import atexit, os, pathlib
def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(os.environ["PEAK_FILE"]).write_text(status.partition("VmHWM:")[2].split()[0])
atexit.register(peak)
from streamlyt.cli import main
main()
"""


@dataclass(frozen=True)
class Run:
    """What a command came to.

    Parameters
    ----------
    cpu_s
        CPU seconds of the process, user and system.
    peak_mb
        Largest resident set, megabytes.
    stdout, stderr
        What it wrote.
    """

    cpu_s: float
    peak_mb: float
    stdout: str
    stderr: str


def streamlyt(*words: str | Path, env: Mapping[str, str] | None = None) -> Run:
    """Run ``streamlyt`` with these words; fail with its own message if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        peak, out, err = (Path(folder) / name for name in ("peak", "out", "err"))
        surroundings = {**os.environ, **(env or {}), "PEAK_FILE": str(peak)}
        with out.open("w") as stdout, err.open("w") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *map(str, words)],
                env=surroundings,
                stdout=stdout,
                stderr=stderr,
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"streamlyt {' '.join(map(str, words))} failed:\n{err.read_text()}")
        return Run(
            usage.ru_utime + usage.ru_stime,
            int(peak.read_text()) / 1024,
            out.read_text(),
            err.read_text(),
        )
