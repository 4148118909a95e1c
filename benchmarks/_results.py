"""One JSON line a measurement: what, how much, how steady, and on what it was measured."""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["cpu_seconds", "latest", "record", "say"]

RESULTS = Path(__file__).parent / "results"
ROOT = RESULTS.parent.parent
CODE = ("streamlyt", "connectors", "detectors", "dashboards", "benchmarks/*.py")
LIBRARIES = ("numpy", "numba", "scipy", "MDAnalysis")


def cpu_seconds(work: Callable[[], object], repeats: int = 7) -> list[float]:
    """Return the CPU seconds of ``repeats`` calls, after one that warms caches and compiles."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return taken


def record(
    benchmark: str,
    case: str,
    values: Sequence[float],
    unit: str,
    goal: str | None = None,
    **more: Any,
) -> float:
    """Append one line to ``results/<benchmark>.jsonl``, print it short, return the median.

    ``goal`` is what the figure should be, in words; it is kept beside the figure.
    """
    middle = median(values)
    line = {
        "benchmark": benchmark,
        "case": case,
        "median": middle,
        "least": min(values),
        "most": max(values),
        "runs": len(values),
        "unit": unit,
        **({} if goal is None else {"goal": goal}),
        **more,
        **_circumstances(),
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{benchmark}.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    extra = "".join(f"  {name}={value}" for name, value in more.items())
    aim = f"  (goal: {goal})" if goal else ""
    say(f"{benchmark:12} {case:44} {middle:12.4g} {unit}{aim}{extra}")
    return middle


def latest(benchmark: str) -> dict[str, dict[str, Any]]:
    """Return the last line of each case, by case, in the order of their first appearance."""
    path = RESULTS / f"{benchmark}.jsonl"
    found: dict[str, dict[str, Any]] = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        line = json.loads(text)
        found[line["case"]] = line
    return found


def say(text: str) -> None:
    """Tell the person at the terminal how far it is."""
    print(text, file=sys.stderr, flush=True)


@lru_cache(maxsize=1)
def _circumstances() -> dict[str, Any]:
    return {
        "commit": _commit(),
        "machine": f"{_processor()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _commit() -> str:
    """Return the commit measured, with a + behind it where the code is not quite that."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return (_git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def _git(*words: str) -> str:
    try:
        said = subprocess.run(
            ["git", *words], capture_output=True, text=True, cwd=ROOT, check=False
        )
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
