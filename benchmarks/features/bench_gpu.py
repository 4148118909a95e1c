"""The optical map on a GPU: frames a second, and the part of the memory's bandwidth in use.

Without PyTorch or a CUDA device it says so in one line, and measures nothing.
"""

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks._results import record, say
from streamlyt.features import OpticalMap

INPUTS, OUTPUTS, ROWS = 1 << 20, 1 << 21, 16
BYTES = 4  # of a number in single precision
COPIED = 1 << 28  # numbers, far more than any cache holds
REPEATS = 7


def main() -> None:
    try:
        torch: Any = import_module("torch")
    except ImportError:
        return say("gpu: not measured, PyTorch is not installed (pip install 'streamlyt[torch]')")
    if not torch.cuda.is_available():
        return say("gpu: not measured, PyTorch finds no CUDA device here")
    name = torch.cuda.get_device_name()
    bandwidth = 1e9 * record("gpu", "copy", _copies(torch), "GB/s", device=name)
    values = torch.randn((ROWS, INPUTS), device="cuda")
    features = OpticalMap(OUTPUTS, response=2, bias=0.0, construction="structured")
    taken = _seconds(torch, partial(features, values))
    rates = [ROWS / s for s in taken]
    told = "2^20 inputs to 2^21 outputs"
    record("gpu", told, rates, "frames/s", goal="more than 2,000", device=name, batch=ROWS)
    # What must cross the memory once at the least: a row, its features, the two tables a batch.
    least = BYTES * (ROWS * (INPUTS + OUTPUTS) + 2 * OUTPUTS)
    parts = [100 * least / s / bandwidth for s in taken]
    record("gpu", f"{told}: of the time of a copy", parts, "%", device=name, batch=ROWS)
    return None


def _copies(torch: Any) -> list[float]:
    source = torch.ones(COPIED, device="cuda")
    target = torch.empty_like(source)
    taken = _seconds(torch, partial(target.copy_, source))
    return [2e-9 * COPIED * BYTES / s for s in taken]


def _seconds(torch: Any, work: Callable[[], object]) -> list[float]:
    work()  # draws and moves the tables
    taken = []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return taken


if __name__ == "__main__":
    main()
