"""Streams outside any tuning: false events of the default detector, misses, delay, localization.

Laws, memories and changes of `_generators.py`, mechanisms of `_systems.py`; the default detector.
``--quick``: few streams. ``--maps``: a part of them over the other feature maps, and no more.
"""

import argparse
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from benchmarks._results import record
from benchmarks.detection._generators import CHANGES, MEMORIES, change_from, quiet
from benchmarks.features._maps import MAPS, detector
from benchmarks.forecasting._score import Score, score
from benchmarks.forecasting._systems import SYSTEMS
from streamlyt.core import Batch, Floats, Schema

BENCHMARK = "streams"
QUIET = 100_000  # rows of a stream without a change
ROWS, EARLIEST, LATEST = 15_000, 7_000, 8_000  # of a stream with one, and where it is
WITHIN = 3000  # rows from a change to its event; later it is another one
WIDTHS = (1, 5, 20, 100)
COMPARED = (("iid", 5), ("AR(.9)", 5), ("t3", 5))  # over all feature maps
COMPARED_SYSTEMS = tuple(SYSTEMS)[:2]

Draw = Callable[[np.random.Generator, int, int], Floats]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few streams")
    parser.add_argument("--maps", action="store_true", help="compare feature maps, no more")
    asked = parser.parse_args()
    quiets, changed = (1, 2) if asked.quick else (4, 8)
    if not asked.maps:
        for memory in MEMORIES:
            for d in WIDTHS[1:2] if asked.quick else WIDTHS:
                law("optical", memory, d, quiets, changed)
        for name in SYSTEMS:
            mechanism("optical", name, quiets, changed)
    for features in MAPS if not asked.quick else ():
        if features == "optical" and not asked.maps:
            continue
        for memory, d in COMPARED:
            law(features, memory, d, quiets, changed)
        for name in COMPARED_SYSTEMS:
            mechanism(features, name, quiets, changed)


def law(features: str, memory: str, d: int, quiets: int, changed: int) -> None:
    """Measure one generator, without a change and with each change that d allows."""
    where = f"{features}: {memory} d={d}"
    still(where, features, lambda rng, n, at: quiet(rng, n, d, memory), quiets)
    for change in CHANGES:
        if d == 1 and change.startswith("correlation"):
            continue

        def draw(rng: np.random.Generator, n: int, at: int, change: str = change) -> Floats:
            return change_from(rng, n, d, memory, change, at)

        moving(f"{where}: {change}", features, draw, changed)


def mechanism(features: str, name: str, quiets: int, changed: int) -> None:
    """Measure one system with its change and, once for all that begin alike, without it."""
    system, kind = SYSTEMS[name], name.partition(":")[0]
    if name == next(each for each in SYSTEMS if each.startswith(kind)):
        still(f"{features}: {kind}", features, system.rows, quiets, system.scale)
    moving(f"{features}: {name}", features, system.rows, changed, system.scale, system.back)


def still(case: str, features: str, draw: Draw, streams: int, scale: float | None = None) -> None:
    """Count the events of streams without a change."""
    case = f"{case}: no change"
    found = []
    for i in range(streams):
        rows = draw(_rng(case, i), QUIET, QUIET)
        found.append(run(features, rows, i, (), scale).others)
    values = [len(others) * 1e5 / QUIET for others in found]
    record(BENCHMARK, case, values, "false/1e5 rows", rows=streams * QUIET, others=found)


def moving(
    case: str, features: str, draw: Draw, streams: int, scale: float | None = None, back: int = 0
) -> None:
    """Look for the change of each stream, and count what else was found."""
    scores = []
    for i in range(streams):
        rng = _rng(case, i)
        at = int(rng.integers(EARLIEST, LATEST))
        changes = (at, at + back) if back else (at,)
        scores.append(run(features, draw(rng, ROWS, at), i, changes, scale))
    found = [len(each.delays) / (len(each.delays) + each.missed) for each in scores]
    delays = [delay for each in scores for delay in each.delays]
    errors = [error for each in scores for error in each.errors]
    record(
        BENCHMARK,
        case,
        found,
        "found",
        found=round(float(np.mean(found)), 3),
        delay=_quantile(delays, 0.5),
        delay_90=_quantile(delays, 0.9),
        error=_quantile(np.abs(errors).tolist(), 0.5),
        error_90=_quantile(np.abs(errors).tolist(), 0.9),
        others=sum(len(each.others) for each in scores),
        rows=streams * ROWS,
    )


def run(
    features: str, rows: Floats, seed: int, changes: Sequence[int], scale: float | None
) -> Score:
    schema = Schema.of(*(f"x{i}" for i in range(rows.shape[1])))
    batch = Batch("", np.arange(len(rows)), rows, schema)
    return score(detector(features, seed, scale).update(batch)[1], changes, WITHIN)


def _rng(case: str, number: int) -> np.random.Generator:
    """Return the same stream for all feature maps, and another for each case and number."""
    return np.random.default_rng([crc32(case.partition(": ")[2].encode()), number])


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


if __name__ == "__main__":
    main()
