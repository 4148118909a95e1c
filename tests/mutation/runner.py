"""Run tests on a mutated copy of the tree; the tree itself is never written."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from streamlyt.core.numerics.jit import kernel_cache_dir
from tests._order import VARIABLE
from tests.mutation.mutators import Mutant
from tests.mutation.plugin import MEASURED, ORDER

__all__ = ["Copy", "Result"]

# Mutants may loop forever or allocate without end: both count as killed.
_SLOWER = 4  # times as long as without a mutation
_MARGIN_S = 60
_COMPILE_S = 240  # a mutated kernel is compiled again, with all kernels near it
_MEMORY = 16 << 30  # bytes of address space
_OPTIONS = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "tests.mutation.plugin"),
    *("--no-header", "--tb=line"),
    *("-m", "not kafka and not browser and not slow"),
)
_PASSED, _FAILED, _INTERRUPTED, _NO_TESTS = 0, 1, 2, 5  # exit statuses of pytest

Result = tuple[str, str]
"""``passed``, ``failed``, ``timeout`` or ``no tests``; and the last lines of the output."""


class Copy:
    """A copy of the working tree with a kernel cache of its own.

    Parameters
    ----------
    root
        Root of the repository; what git tracks or would track is copied.
    folder
        Where the copy is made.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder, self.root, self._cache = folder, folder / "tree", folder / "kernels"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True)
        for name in filter(None, done.stdout.split("\0")):
            if os.path.lexists(root / name):
                target = self.root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target, follow_symlinks=False)
        self._process: subprocess.Popen[str] | None = None
        # Tests of the repository list its files by git.
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        compiled = Path(kernel_cache_dir())  # of the same sources: its name has their hash
        if compiled.is_dir():
            shutil.copytree(compiled, self._cache / compiled.name)

    def baseline(self, tests: Sequence[str]) -> tuple[Result, dict[str, float]]:
        """Run tests without a mutation; return the result, and test -> seconds."""
        measured = self._folder / "measured.json"
        measured.unlink(missing_ok=True)
        result = self._run(tests, 1800.0, {MEASURED: str(measured)})
        return result, json.loads(measured.read_text()) if measured.exists() else {}

    def run(self, mutant: Mutant, tests: Sequence[str], seconds: dict[str, float]) -> Result:
        """Run tests with a mutant, those first that take few ``seconds`` without it."""
        order = self._folder / "order.json"
        order.write_text(json.dumps(seconds))
        file = self.root / mutant.path
        original = file.read_bytes()
        kept = set(self._cache.glob("*"))
        stale = [
            compiled
            for name in {file.resolve(), file}
            for compiled in (name.parent / "__pycache__").glob(f"{file.stem}.*.pyc")
        ]
        try:
            file.write_text(mutant.text)
            for compiled in stale:
                compiled.unlink()
            compiling = _COMPILE_S * ("_kernels" in mutant.path)
            limit = _SLOWER * sum(seconds.values()) + _MARGIN_S + compiling
            return self._run(tests, limit, {ORDER: str(order)})
        finally:
            file.write_bytes(original)
            for folder in set(self._cache.glob("*")) - kept:
                shutil.rmtree(folder, ignore_errors=True)

    def stop(self) -> None:
        """End the tests that run at this moment."""
        if self._process is not None and self._process.poll() is None:
            _kill_group(self._process)

    def _run(self, tests: Sequence[str], limit: float, env: dict[str, str]) -> Result:
        env = {
            **os.environ,
            **env,
            "PYTHONPATH": str(self.root),
            "NUMBA_CACHE_DIR": str(self._cache),
            "OPENBLAS_NUM_THREADS": "1",
            VARIABLE: "0",
            # A mutant may have size and time of the original, which is all that Python compares.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *_OPTIONS, *tests],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=_limit_memory,
        )
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            process.communicate()  # closes its pipe
            return "timeout", f"after {limit:.0f} s"
        finally:
            _kill_group(process)
        lines = "\n".join(output.splitlines()[-8:])
        status = process.returncode
        if status == _PASSED:
            return "passed", lines
        return ("no tests" if status == _NO_TESTS else "failed"), lines


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill the session of pytest, with every process that a test left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
