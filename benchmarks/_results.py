"""Benchmark results: one JSON line per measurement, with its spread and environment."""

import json
import platform
import re
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

# Stored lines keep the case under the name of their time; readers see the present name.
RENAMED: dict[str, dict[str, str]] = {
    "anomaly": {r"^OneClass,": "OneClassSVM,"},
    "baselines": {r": Echo$": ": EchoStateNetwork"},
    "detectors": {
        r": bank\b": ": multiscale_newma",
        r": moving_average\b": ": sliding_mmd",
        r": mmd\b": ": reference_mmd",
        r": never$": ": no_alarm",
    },
    "md_speed": {r"stage: whole$": "stage: unwrap", r"stage: superpose$": "stage: superposition"},
    "reservoirs": {
        r": Echo\b": ": EchoStateNetwork",
        r": Optical,": ": OpticalReservoir,",
        r"^error of N nodes beside the limit": "error of N nodes against the limit",
        r"^share that 90 % bands hold": "coverage of 90 % prediction intervals",
        r"^interval score of bands against one width": "interval score, relative to one width",
        r"^change of law: false new starts": "change of dynamics: false resets",
        r"^change of law": "change of dynamics",
    },
    "windows": {r"^MovingAverage\b": "SlidingMMD", r"^MMD\b": "ReferenceMMD"},
}


def cpu_seconds(work: Callable[[], object], repeats: int = 7) -> list[float]:
    """Return the CPU seconds of ``repeats`` calls, after one warm-up call that compiles."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return seconds


def record(
    benchmark: str,
    case: str,
    values: Sequence[float],
    unit: str,
    goal: str | None = None,
    **more: Any,
) -> float:
    """Append one line to ``results/<benchmark>.jsonl``, print a summary, return the median.

    ``goal`` is the target of the figure, in words; it is stored with the figure.
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
        **_environment(),
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
    lines: dict[str, dict[str, Any]] = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        line = json.loads(text)
        lines[_present_name(benchmark, line["case"])] = line
    return lines


def _present_name(benchmark: str, case: str) -> str:
    for former, present in RENAMED.get(benchmark, {}).items():
        case = re.sub(former, present, case)
    return case


def say(text: str) -> None:
    """Report progress on stderr."""
    print(text, file=sys.stderr, flush=True)


@lru_cache(maxsize=1)
def _environment() -> dict[str, Any]:
    return {
        "commit": _commit(),
        "machine": f"{_processor()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _commit() -> str:
    """Return the commit measured, followed by + if the code differs from it."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return (_git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def _git(*words: str) -> str:
    try:
        result = subprocess.run(
            ["git", *words], capture_output=True, text=True, cwd=ROOT, check=False
        )
    except FileNotFoundError:
        return ""
    return result.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
