"""One JSON line a measurement: what, how much, how steady, and on what it was measured."""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["cpu_seconds", "record"]

RESULTS = Path(__file__).parent / "results"
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


def record(benchmark: str, case: str, values: list[float], unit: str, **more: Any) -> float:
    """Append one line to ``results/<benchmark>.jsonl``, print it short, return the median."""
    middle = median(values)
    line = {
        "benchmark": benchmark,
        "case": case,
        "median": middle,
        "least": min(values),
        "most": max(values),
        "runs": len(values),
        "unit": unit,
        **more,
        "commit": _commit(),
        "machine": f"{_processor()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{benchmark}.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    extra = "".join(f"  {name}={value}" for name, value in more.items())
    print(f"{benchmark:16} {case:44} {middle:12.4g} {unit}{extra}", file=sys.stderr)
    return middle


def _commit() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=RESULTS.parent,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
