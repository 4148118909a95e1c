"""What the levels of the default detector's scales rest on, on distributions that do not judge it.

``shares``: with the level of each scale such that its own run length is the one named, the run
length of the largest of them over what independent scales would have; and each level that the
exact moments give, by the run length it has. ``tails``: the shape of the excesses of single rows
over their 95th percentile, and the one that they act with at a chance of 1e-4.
"""

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks._results import record, say
from streamlyt.core import Array, Floats
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.detectors._common.input_scaling import apply_scaling, learn_scale
from streamlyt.detectors._multiscale.scales import MultiscaleAverages
from streamlyt.detectors._null_model.feature_moments import FeatureMomentEstimator

BENCHMARK = "levels"
WINDOW, SETTLING = 1024, 40_000  # rows until the reference has forgotten how it started
SAMPLE = 16_384  # rows behind the moments that are called exact
LAWS: dict[str, tuple[int, Callable[[np.random.Generator, tuple[int, int]], Floats]]] = {
    "normal, 3": (3, lambda rng, shape: rng.standard_normal(shape)),
    "normal, 100": (100, lambda rng, shape: rng.standard_normal(shape)),
    "Student t 5, 10": (10, lambda rng, shape: rng.standard_t(5, shape)),
    "Laplace, 8": (8, lambda rng, shape: rng.laplace(size=shape)),
    "Poisson 3, 20": (20, lambda rng, shape: rng.poisson(3.0, shape).astype(float)),
    "beta(1/2, 1/2), 8": (8, lambda rng, shape: rng.beta(0.5, 0.5, shape)),
    "bits, 15": (15, lambda rng, shape: (rng.random(shape) < 0.5).astype(float)),
}


def features_of(name: str, rows: int, seed: int = 7) -> Callable[[], Array]:
    """Return a source of features of the next 256 rows, scaled by the first 100 rows."""
    width, law = LAWS[name]
    rng = np.random.default_rng([seed, rows])
    feature_map = MultiscaleNEWMA(seed=seed)._map
    centre, factor = learn_scale(law(rng, (100, width)))
    return lambda: np.asarray(feature_map(apply_scaling(law(rng, (256, width)), centre, factor)))


def passage(hot: Array) -> float:
    """Return the mean rows from any row to the next crossing; infinite where there are few."""
    gaps = np.diff(np.flatnonzero(hot)).astype(np.float64)
    if gaps.size < 30:
        return float("inf")
    return float((gaps * (gaps + 1.0) / 2.0).sum() / gaps.sum())


def level_for(squares: Array, arl: float) -> float:
    """Return the level that these squares cross after ``arl`` rows in the mean."""
    low, high = float(np.quantile(squares, 0.3)), float(squares.max())
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (low, middle) if passage(squares > middle) > arl else (middle, high)
    return (low + high) / 2.0


def shares(rows: int) -> None:
    scales, moments = MultiscaleAverages(WINDOW, 1e4), FeatureMomentEstimator(SAMPLE)
    for name in LAWS:
        draw = features_of(name, rows)
        state: dict[str, Array] = {}
        known: dict[str, Array] = {}
        scales._restart(draw(), state)
        moments.start(known)
        squares = np.empty((rows, scales.memories.size - 1), np.float32)
        for start in range(0, rows, 256):
            features = draw()
            moments.add(features[: moments.missing(known)], known)
            squares[start : start + 256] = scales._fold(features, state)[: rows - start]
        squares = squares[SETTLING:]
        exact = moments.read(known)
        for arl in (3e3, 1e4, 3e4):
            levels = np.array([level_for(column, arl) for column in squares.T])
            far = squares[:, 1:].max(axis=1, initial=0.0, where=squares[:, 1:] > levels[1:])
            given = [
                passage(squares[:, k] > scales._level(k, np.array([arl]), exact, np.array([1e9])))
                for k in range(1, levels.size)
            ]
            record(
                BENCHMARK,
                f"share {name}, {arl:g}",
                [arl / (passage(far > 0.0) * (levels.size - 1))],
                "of independent scales",
                by_moments=[round(each / arl, 2) if each < np.inf else None for each in given],
            )


def tails(rows: int) -> None:
    for name in LAWS:
        draw = features_of(name, rows)
        mean = np.mean([draw().mean(axis=0, dtype=np.float64) for _ in range(100)], axis=0)
        kernel = np.concatenate([2.0 * (draw() @ mean) for _ in range(rows // 256)])
        values = -np.log(np.maximum(kernel, 0.02))
        quantile = float(np.quantile(values, 0.95))
        excess = values[values > quantile] - quantile
        shape = 0.5 * (1.0 - excess.mean() ** 2 / excess.var())
        y = np.log(0.05 / 1e-4)
        reached = (float(np.quantile(values, 1.0 - 1e-4)) - quantile) / excess.mean()
        record(
            BENCHMARK,
            f"tail {name}",
            [float(2.0 * (reached - y) / y**2)],
            "shape at 1e-4",
            by_excesses=round(float(shape), 3),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["shares", "tails", []], help="default: both")
    parser.add_argument("--quick", action="store_true", help="few rows")
    asked = parser.parse_args()
    for name, part in (("shares", shares), ("tails", tails)):
        if name in (asked.parts or ("shares", "tails")):
            say(name)
            part(300_000 if asked.quick else 3_000_000 if name == "shares" else 1_000_000)


if __name__ == "__main__":
    main()
