"""Mutation testing: plant small faults, one at a time, and list those that no test notices.

``make mutants`` mutates the lines changed by the last commit; ``make mutants COMMIT=v1..v2`` those
of other commits; ``make mutants MODULES="detectors/newma.py ..."`` random lines of modules, and
``MODULES=central`` of the modules in ``central.txt``. Each survivor is one line of output: where,
what was changed, and which tests ran. The exit status is 1 if there are any, or if the tests fail
without a mutation.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.mutation.mutators import Mutant, mutants_of
from tests.mutation.runner import Copy
from tests.mutation.selection import Selection

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SOURCES = ("streamlyt/", "connectors/", "detectors/", "dashboards/")
EQUIVALENT = HERE / "equivalent.toml"


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    chosen = _chosen(options)
    if not chosen:
        print("no mutants: no source line has changed")
        return 0
    known = _equivalent()
    mutants = [mutant for mutant in chosen if _key(mutant, ROOT) not in known]
    print(f"{len(chosen)} mutants, {len(chosen) - len(mutants)} of them known as equivalent")
    campaign = _Campaign(mutants, options.seconds)
    with tempfile.TemporaryDirectory(prefix="streamlyt-mutants-") as folder:
        threads = [
            threading.Thread(target=campaign.work, args=(Path(folder) / str(i),))
            for i in range(max(1, min(options.workers, len(campaign.groups))))
        ]
        # Without this, the end of this process would leave its tests running.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            campaign.stop()
            for thread in threads:
                thread.join()
    return campaign.report()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", help="files, or 'central' for those of central.txt")
    parser.add_argument("--commit", default="HEAD~1..HEAD", help="range whose lines are mutated")
    parser.add_argument("--count", type=int, default=100, help="largest number of mutants")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="seconds of tests per mutant, at most"
    )
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace) -> list[Mutant]:
    """Return the mutants to run: the same number of each file, at most one of a line."""
    if options.modules:
        names = [
            name
            for given in options.modules
            for name in (
                (HERE / "central.txt").read_text().split() if given == "central" else [given]
            )
        ]
        lines = dict.fromkeys(names)
    else:
        lines = _changed_lines(options.commit)
    rng = random.Random(options.seed)
    waiting = []
    for path, changed in lines.items():
        mutants = mutants_of(path, (ROOT / path).read_text(), changed)
        rng.shuffle(mutants)
        first = {mutant.line: mutant for mutant in mutants}
        again = [mutant for mutant in mutants if first[mutant.line] is not mutant]
        unique = list(first.values())
        rng.shuffle(unique)
        waiting.append([*unique, *(again if changed else [])])
    chosen: list[Mutant] = []
    while any(waiting) and len(chosen) < options.count:
        for mutants in waiting:
            if mutants and len(chosen) < options.count:
                chosen.append(mutants.pop(0))
    return chosen


def _changed_lines(commits: str) -> dict[str, set[int] | None]:
    """Return the added and edited lines of each source file that still exists."""
    command = ["git", "diff", "--unified=0", "--no-color", commits, "--", *SOURCES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines: dict[str, set[int] | None] = {}
    changed: set[int] = set()
    for line in done.stdout.splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
            changed = set()
            if path.endswith(".py") and (ROOT / path).is_file():
                lines[path] = changed
        elif match := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(match[1]), int(match[2] or 1)
            changed.update(range(first, first + count))
    return lines


def _equivalent() -> set[tuple[str, str, str, str]]:
    entries = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    return {(e["path"], e["line"], e["before"], e["after"]) for e in entries}


def _key(mutant: Mutant, root: Path) -> tuple[str, str, str, str]:
    """Return what names a mutant also after lines were added above it."""
    line = (root / mutant.path).read_text().splitlines()[mutant.line - 1].strip()
    return mutant.path, line, mutant.before, mutant.after


class _Campaign:
    """All mutants of one call, file by file, by several workers."""

    def __init__(self, mutants: Sequence[Mutant], seconds: float) -> None:
        self._tests_of, self._seconds = Selection(ROOT), seconds
        self.groups: dict[str, list[Mutant]] = {}
        for mutant in mutants:
            self.groups.setdefault(mutant.path, []).append(mutant)
        self._waiting: SimpleQueue[list[Mutant]] = SimpleQueue()
        for group in self.groups.values():
            self._waiting.put(group)
        self._lock = threading.Lock()
        self._copies: list[Copy] = []
        self._stopped = False
        self._counts: Counter[str] = Counter()
        self._survivors: list[str] = []
        self._broken: list[str] = []

    def stop(self) -> None:
        """End the tests of all workers, and start no more."""
        self._stopped = True
        for copy in self._copies:
            copy.stop()

    def work(self, folder: Path) -> None:
        copy = Copy(ROOT, folder)
        self._copies.append(copy)
        while not self._stopped:
            try:
                group = self._waiting.get_nowait()
            except Empty:
                return
            path = group[0].path
            tests, seconds = self._tests(copy, path)
            for mutant in group if tests else ():
                result, _ = copy.run(mutant, tests, seconds)
                if self._stopped:
                    return
                self._record(mutant, "survived" if result == "passed" else result, tests)

    def _tests(self, copy: Copy, path: str) -> tuple[list[str], dict[str, float]]:
        """Return the tests of a file that pass, up to the seconds per mutant, and their times."""
        tests: list[str] = []
        times: dict[str, float] = {}
        for test in self._tests_of(path):
            if self._stopped:
                break
            (result, output), seconds = copy.baseline([test])  # the first run compiles kernels
            if result == "no tests":
                continue
            if result != "passed" and not self._stopped:
                with self._lock:
                    self._broken.append(f"{path}: {test} fails without a mutation:\n{output}")
                    print(self._broken[-1], flush=True)
                continue
            tests.append(test)
            times |= seconds
            if sum(times.values()) >= self._seconds:
                break
        return tests, times

    def _record(self, mutant: Mutant, result: str, tests: Sequence[str]) -> None:
        with self._lock:
            self._counts[result] += 1
            line = f"{mutant.path}:{mutant.line}  {mutant.kind}: {mutant.before} -> {mutant.after}"
            if result == "survived":
                self._survivors.append(f"{line}\n    tests: {' '.join(_short(tests))}")
            print(f"{result:9} {line}", flush=True)

    def report(self) -> int:
        """Print the table of survivors and the counts; return the exit status."""
        total = sum(self._counts.values())
        killed = total - self._counts["survived"]
        if self._survivors:
            print("\nSurvivors: faults that no test noticed")
            print("\n".join(sorted(self._survivors)))
        if self._broken:
            print("\nFailing without a mutation, so left out")
            print("\n".join(self._broken))
        share = f" ({100 * killed / total:.1f} %)" if total else ""
        print(
            f"\n{killed} of {total} mutants killed{share}, {self._counts['timeout']} of them by "
            f"the time limit; {len(self._survivors)} survived"
        )
        return int(bool(self._survivors or self._broken))


def _short(tests: Sequence[str]) -> Iterator[str]:
    for test in tests:
        file, _, name = test.partition("::")
        yield f"{file}::{name.partition('[')[2].rstrip(']')}" if name else file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
