"""Detectors of windows: rows to the first false alarm over those asked for, and cost of a row.

Each run draws a distribution, its rows and a seed, gives the detector its reference, and counts
rows to the first alarm, as in `bench_arl.py`. ``--quick``: few runs.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np

from benchmarks._results import cpu_seconds, record
from benchmarks.detection.bench_arl import CAP, LAWS, Law
from streamlyt.core import Detector
from streamlyt.detectors import NEWMA, ReferenceMMD, ScanB, SlicedWasserstein, SlidingMMD

DETECTORS = (SlidingMMD, ScanB, ReferenceMMD, SlicedWasserstein)
ROWS = 256
CELLS = ((20, 1e3, 300), (50, 1e3, 300), (50, 1e4, 100))  # window, run length, runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs")
    parser.add_argument("--cost", action="store_true", help="only what a row costs")
    asked = parser.parse_args()
    for d in (10, 100):
        for kind in (NEWMA, *DETECTORS):
            cost(kind, d)
    for window, arl, runs in CELLS[:1] if asked.quick else CELLS:
        for kind in DETECTORS if not asked.cost else ():
            for law in LAWS:
                cell(kind, law, window, arl, 20 if asked.quick else runs)


def cell(kind: type[Detector], law: Law, window: int, arl: float, runs: int) -> None:
    ratios = [run_length(kind, law, window, arl, (window, int(arl), i)) / arl for i in range(runs)]
    record(
        "windows",
        f"{kind.__name__} window={window} arl={arl:g} {law.__name__}",
        ratios,
        "asked",
        mean=round(float(np.mean(ratios)), 3),
        error=round(float(np.std(ratios) / runs**0.5), 3),
    )


def run_length(
    kind: type[Detector], law: Law, window: int, arl: float, seed: tuple[int, ...]
) -> int:
    """Return the rows from the end of the reference to the first alarm."""
    rng = np.random.default_rng(seed)
    draw = law(rng)
    detector = kind(window=window, arl=arl, seed=int(rng.integers(1 << 31)))  # type: ignore[call-arg] # all of DETECTORS take these
    detector.score(draw(detector.warmup_rows))
    rows, chunk = 0, int(min(max(64, arl // 4), 2000))
    while rows < CAP * arl:
        statistic, threshold = detector.score(draw(chunk))
        above = np.flatnonzero(statistic > threshold)
        if above.size:
            return rows + int(above[0]) + 1
        rows += chunk
    return rows


def cost(kind: type[Detector], d: int) -> None:
    rows = np.random.default_rng(0).normal(size=(40 * ROWS, d))
    detector = kind()
    detector.score(rows)

    def work() -> None:
        for at in range(0, len(rows), ROWS):
            detector.score(rows[at : at + ROWS])

    taken = [1e6 * seconds / len(rows) for seconds in cpu_seconds(work)]
    kept = sum(array.nbytes for array in detector.state.values()) // 1000
    record("windows", f"{kind.__name__} d={d}: a row", taken, "µs", kept_kB=kept)


if __name__ == "__main__":
    main()
