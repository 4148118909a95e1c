"""NEWMA on batches of 256 rows compared with bare loops that do the same arithmetic and no more."""

import argparse
import os
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np

from benchmarks._results import cpu_seconds, record
from benchmarks.features.bench_features import bare_structured
from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit
from streamlyt.detectors import NEWMA

ROWS = 256
SIZES = ((10, 500), (100, 2000), (1000, 10_000))
BUDGET = 4e6  # feature values scored in one measurement: a call alone is too short for the clock
FAST, SLOW = 0.0336, 0.0101


@jit(fastmath={"reassoc", "contract", "nsz"})
def bare_newma(features: Array, fast: Array, slow: Array, statistic: Array) -> None:
    """Two averages from zero, their distance, no correction of the start."""
    t = features.dtype.type
    for i in range(features.shape[0]):
        total = t(0)
        for j in range(features.shape[1]):
            fast[j] += t(FAST) * (features[i, j] - fast[j])
            slow[j] += t(SLOW) * (features[i, j] - slow[j])
            total += (fast[j] - slow[j]) ** 2
        statistic[i] = np.sqrt(total)


def bare_dense(values: Array, m: int) -> Callable[[], object]:
    """One product in single precision, m cosines, the two averages."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(values.shape[1], m)).astype(np.float32)
    shift = rng.uniform(0, 2 * np.pi, size=m).astype(np.float32)
    phases, features = np.empty((2, len(values), m), np.float32)
    averages, statistic = np.zeros((2, m), np.float32), np.empty(len(values))

    def work() -> None:
        np.matmul(values.astype(np.float32), matrix, out=phases)
        np.add(phases, shift, out=phases)
        np.cos(phases, out=features)  # not in place: NumPy then goes entry by entry
        bare_newma(features, averages[0], averages[1], statistic)

    return work


def bare_fast(values: Array, m: int) -> Callable[[], object]:
    """Transforms with random phases between them, m/2 cosines and sines, the two averages."""
    half = m // 2
    width = max(64, 1 << values.shape[1].bit_length())
    inputs = np.zeros((len(values), width), np.float32)
    phases = np.full((2, -(-half // width) * width), 1 / width, np.float32)
    moduli = np.empty((len(values), half), np.float32)
    features = np.empty((len(values), m), np.float32)
    averages, statistic = np.zeros((2, m), np.float32), np.empty(len(values))

    def work() -> None:
        inputs[:] = 0.0  # the transform is in place, padding included
        inputs[:, : values.shape[1]] = values
        bare_structured(inputs, phases, moduli)
        np.cos(moduli, out=features[:, :half])
        np.sin(moduli, out=features[:, half:])
        bare_newma(features, averages[0], averages[1], statistic)

    return work


def ours(values: Array, m: int, features: str) -> Callable[[], object]:
    detector = NEWMA(50, features=features, n_components=m, arl=1e9)
    for _ in range(-(-detector.warmup_rows // len(values)) + 1):  # its reference is not the subject
        detector.score(values)
    return partial(detector.score, values)


def measure(values: Array, m: int, **more: float) -> dict[str, float]:
    calls = max(1, int(BUDGET / values.shape[0] / m))
    works = {
        "bare product": bare_dense(values, m),
        "bare transforms": bare_fast(values, m),
        "NEWMA optical": ours(values, m, "optical"),
        "NEWMA fourier": ours(values, m, "fourier"),
    }
    found = {}
    for name, work in works.items():

        def many(work: Callable[[], object] = work) -> None:
            for _ in range(calls):
                work()

        rows = calls * len(values)
        taken = [1e6 * seconds / rows for seconds in cpu_seconds(many)]
        case = f"d={values.shape[1]} m={m} {name}"
        found[name] = record("newma", case, taken, "us/row", batch=len(values))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    for d, m in SIZES:
        found = measure(np.random.default_rng(1).normal(size=(ROWS, d)), m)
        floor = min(found["bare product"], found["bare transforms"])
        print(f"d={d} m={m}: optical {found['NEWMA optical'] / floor:.2f} times the floor")


if __name__ == "__main__":
    main()
