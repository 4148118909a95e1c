"""Optical reservoirs: how long forecasts hold through cameras, and a million pixels.

The scales were chosen on other seeds than these: see docs/forecasting.md.
"""

import argparse
import os
import subprocess
import sys
import time
from functools import partial
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np

from benchmarks._results import cpu_seconds, record, say
from benchmarks.forecasting.bench_reservoirs import Case, hold
from streamlyt.devices import Camera, SimulatedDevice
from streamlyt.reservoirs import OpticalReservoir, ReservoirForecaster
from streamlyt.systems import Lorenz

NODES = 4090
PIXELS = (1 << 20) - 4


def through(bits: int, average: int = 1) -> ReservoirForecaster:
    """Return a forecaster over a camera of so many bits and the mean of so many dithered frames."""
    light = SimulatedDevice(Camera(bits, dither=average))
    coarse = average == 1 and bits <= 8
    scales: dict[str, Any] = {"bias_scale": 1.0, "saturation": 2.0} if coarse else {}
    return ReservoirForecaster(
        OpticalReservoir(NODES, light, n_average=average, **scales),
        ridge=1e-11 if coarse else 1e-12,
        max_refit_interval=20_000,
        calibration_rows=0,
    )


def ideal() -> ReservoirForecaster:
    """Return one over a camera without rounding."""
    light = SimulatedDevice(Camera(0), dtype="float64")
    optical = OpticalReservoir(
        NODES, light, spectral_radius=0.3, input_scale=0.1, bias_scale=0.7, saturation=4.0
    )
    return ReservoirForecaster(optical, max_refit_interval=20_000, calibration_rows=0)


def lorenz(seed: int) -> Lorenz:
    """Return the system of all cases."""
    return Lorenz(seed=seed)


CASES: dict[str, Case] = {
    "optical, 8 bits": (lorenz, 20_000, partial(through, 8), 11, "at least 4.4"),
    "optical, ideal camera": (lorenz, 20_000, ideal, 16, "at least 9.6"),
    "optical, 12 bits": (lorenz, 20_000, partial(through, 12), 13, "6.5 is known"),
    "optical, 8 bits, 16 dithered frames": (
        lorenz,
        20_000,
        partial(through, 8, 16),
        13,
        "more than 8 bits, 7 if it can be",
    ),
    "optical, 8 bits, 64 dithered frames": (
        lorenz,
        20_000,
        partial(through, 8, 64),
        13,
        "more than 8 bits, 7 if it can be",
    ),
}

READY = """
import resource, time
import numpy as np
from streamlyt.reservoirs import OpticalReservoir
rows = np.random.default_rng(0).normal(size=(30, 1, 3))
begin = time.process_time()
optical = OpticalReservoir({pixels})
memory = optical.start(1, 3)
optical.run(rows[:1], memory)
ready = time.process_time() - begin
for row in range(1, 30):
    optical.run(rows[row : row + 1], memory)
print(ready, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def large() -> None:
    """Measure a reservoir of 2^20 pixels: steps a second, memory, and when it is ready."""
    optical = OpticalReservoir(PIXELS)
    memory = optical.start(1, 3)
    rows = np.random.default_rng(0).normal(size=(20, 1, 3))

    def steps() -> None:
        for row in range(len(rows)):
            optical.run(rows[row : row + 1], memory)

    rates = [len(rows) / seconds for seconds in cpu_seconds(steps)]
    record("optical", "2^20 pixels: steps", rates, "1/s", "at least 60")
    ready, resident = [], []
    for _ in range(3):
        command = [sys.executable, "-c", READY.format(pixels=PIXELS)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        ready.append(float(said[0]))
        resident.append(float(said[1]))
    record("optical", "2^20 pixels: ready", ready, "CPU s", "at most 1")
    record("optical", "2^20 pixels: resident memory", resident, "MB", "at most 300")


def small() -> None:
    """Measure a step of the default."""
    optical = OpticalReservoir(NODES)
    memory = optical.start(1, 3)
    rows = np.random.default_rng(0).normal(size=(200, 1, 3))
    taken = cpu_seconds(lambda: optical.run(rows, memory))
    record("optical", "step of 4090 pixels", [1e6 * s / len(rows) for s in taken], "us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("speed", *CASES))
    given = parser.parse_args()
    for case in CASES:
        if given.only in (None, case):
            begin = time.monotonic()
            hold(case, CASES, "optical")
            say(f"{case}: {time.monotonic() - begin:.0f} s")
    if given.only in (None, "speed"):
        small()
        large()


if __name__ == "__main__":
    main()
