"""Measured mean time to the first false alarm of NEWMA, over the one that was asked for.

Each run draws a distribution, its rows and a seed of the features, gives NEWMA its reference, and
counts rows to the first alarm. ``--quick`` runs one window and few runs.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from benchmarks._results import record
from streamlyt.core import Floats
from streamlyt.detectors import NEWMA

Draw = Callable[[int], Floats]
Law = Callable[[np.random.Generator], Draw]

CAP = 20  # run lengths after which a run is cut; one in 5e8 exponential runs is longer


def gaussian(rng: np.random.Generator) -> Draw:
    return lambda n: rng.standard_normal((n, 20))


def laplace(rng: np.random.Generator) -> Draw:
    return lambda n: rng.laplace(size=(n, 20))


def mixture(rng: np.random.Generator) -> Draw:
    centres = rng.standard_normal((10, 100))
    return lambda n: centres[rng.integers(0, 10, n)] + rng.standard_normal((n, 100))


def uniform(rng: np.random.Generator) -> Draw:
    return lambda n: rng.random((n, 5))


def binary(rng: np.random.Generator) -> Draw:
    return lambda n: (rng.random((n, 50)) < 0.3).astype(np.float64)


LAWS: tuple[Law, ...] = (gaussian, laplace, mixture, uniform, binary)


def run_length(law: Law, features: str, window: int, arl: float, seed: tuple[int, ...]) -> int:
    """Return the rows from the end of the reference to the first alarm."""
    rng = np.random.default_rng(seed)
    draw = law(rng)
    detector = NEWMA(window, arl=arl, features=features, seed=int(rng.integers(1 << 31)))
    detector.score(draw(detector.warmup_rows))
    rows, chunk = 0, int(min(max(64, arl // 4), 2000))
    while rows < CAP * arl:
        statistic, threshold = detector.score(draw(chunk))
        above = np.flatnonzero(statistic > threshold)
        if above.size:
            return rows + int(above[0]) + 1
        rows += chunk
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one window, few runs")
    parser.add_argument("--windows", type=int, nargs="+", default=[20, 50, 250])
    parser.add_argument("--arls", type=float, nargs="+", default=[1e3, 1e4])
    parser.add_argument("--runs", type=int, default=0, help="of each cell; 0: as fits the cost")
    asked = parser.parse_args()
    windows, arls = ([50], [1e3]) if asked.quick else (asked.windows, asked.arls)
    for window in windows:
        for arl in arls:
            usual = 800 if window < 200 else 200
            runs = asked.runs or (20 if asked.quick else usual)
            for features in ("optical", "fourier"):
                for law in LAWS:
                    cell(law, features, window, arl, runs)


def cell(law: Law, features: str, window: int, arl: float, runs: int) -> None:
    start = time.process_time()
    ratios = [
        run_length(law, features, window, arl, (window, int(arl), i)) / arl for i in range(runs)
    ]
    record(
        "arl",
        f"window={window} arl={arl:g} {features} {law.__name__}",
        ratios,
        "asked",
        mean=round(float(np.mean(ratios)), 3),
        error=round(float(np.std(ratios) / runs**0.5), 3),
        half_life=round(float(np.median(ratios) / np.log(2)), 2),  # 1 for an exponential law
        cpu_seconds=round(time.process_time() - start, 1),
    )


if __name__ == "__main__":
    main()
