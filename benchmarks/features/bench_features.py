"""Feature maps compared with bare loops, dense products, scikit-learn and river.

With names of parts (cells, river, bits, frames, portable) only these are measured, with ``table``
nothing; then the tables of docs/features.md are rewritten. On a GPU: bench_gpu.py.
"""

import math
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from river.feature_extraction import RBFSampler as RiverSampler
from sklearn.kernel_approximation import RBFSampler

from benchmarks._results import ROOT, cpu_seconds, latest, record
from streamlyt.core import Array
from streamlyt.core.numerics.hadamard import LANES as WORKING_LANES
from streamlyt.core.numerics.hadamard import spread_values, transform_group
from streamlyt.core.numerics.jit import jit
from streamlyt.features import ArrayAPIMap, FourierMap, OpticalMap, PackedBits
from streamlyt.integrations.river import Transformer

BATCH = 256
CELLS = (
    (16, 1000),
    (16, 10_000),
    (128, 1000),
    (128, 10_000),
    (128, 100_000),
    (1024, 10_000),
    (1024, 100_000),
    (16_384, 10_000),
    (16_384, 100_000),
)
DENSE = {(1024, 100_000): 30, (16_384, 10_000): 20}  # cells, and how many times slower
LANES = 16  # rows that the second bare loop takes at once
LARGEST_PEER = 1 << 28  # numbers in a matrix of scikit-learn's, which are in double precision
LEAST_S = 0.05  # in one measurement: a call alone may be too short for the clock
REPEATS = 5
PORTABLE = ((16, 1000), (128, 10_000), (1024, 100_000), (16_384, 10_000))
PAGE = ROOT / "docs" / "features.md"
START, END = "<!-- table: features -->\n", "<!-- end -->"


@jit()
def _in_place(x: Array, step: int) -> None:
    while step < x.size:
        for start in range(0, x.size, 2 * step):
            low, high = x[start : start + step], x[start + step : start + 2 * step]
            for j in range(step):
                a, b = low[j], high[j]
                low[j], high[j] = a + b, a - b
        step *= 2


@jit()
def bare_structured(inputs: Array, phases: Array, out: Array) -> None:
    """Signs applied before; transform, phases, transform in place, modulus: nothing clever."""
    n, width = inputs.shape
    re, im = np.empty(width, inputs.dtype), np.empty(width, inputs.dtype)
    for row in range(n):
        _in_place(inputs[row], 1)
        for start in range(0, out.shape[1], width):
            for j in range(width):
                re[j] = inputs[row, j] * phases[0, start + j]
                im[j] = inputs[row, j] * phases[1, start + j]
            _in_place(re, 1)
            _in_place(im, 1)
            for j in range(min(width, out.shape[1] - start)):
                out[row, start + j] = np.sqrt(re[j] * re[j] + im[j] * im[j])


@jit()
def bare_side_by_side(inputs: Array, phases: Array, out: Array) -> None:
    """Do the same for LANES rows at once, which lie side by side: the compiler's vectors fit."""
    n, width = inputs.shape
    x = np.empty(width * LANES, inputs.dtype)
    re, im = np.empty_like(x), np.empty_like(x)
    for top in range(0, n - n % LANES, LANES):
        for j in range(width):
            for r in range(LANES):
                x[j * LANES + r] = inputs[top + r, j]
        _in_place(x, LANES)
        for start in range(0, out.shape[1], width):
            for j in range(width):
                p, q = phases[0, start + j], phases[1, start + j]
                for r in range(LANES):
                    re[j * LANES + r] = x[j * LANES + r] * p
                    im[j * LANES + r] = x[j * LANES + r] * q
            _in_place(re, LANES)
            _in_place(im, LANES)
            for i in range(x.size):
                re[i] = np.sqrt(re[i] * re[i] + im[i] * im[i])
            count = min(width, out.shape[1] - start)
            for r in range(LANES):
                for j in range(count):
                    out[top + r, start + j] = re[j * LANES + r]


def bare(values: Array, m: int, loop: Callable[..., None]) -> Callable[[], object]:
    n, d = values.shape
    width = max(64, 1 << (d - 1).bit_length())
    phases = np.ones((2, math.ceil(m / width) * width), np.float32)

    def work() -> None:
        inputs = np.zeros((n, width), np.float32)
        inputs[:, :d] = values
        loop(inputs, phases, np.empty((n, m), np.float32))

    return work


def product(values: Array, m: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    real, imaginary = rng.standard_normal((2, values.shape[1], m), dtype=np.float32)
    rows = values.astype(np.float32)
    return lambda: np.sqrt((rows @ real) ** 2 + (rows @ imaginary) ** 2)


def sampler(values: Array, m: int) -> Callable[[], object]:
    return partial(RBFSampler(n_components=m, random_state=0).fit(values).transform, values)


def measure(case: str, work: Callable[[], object], rows: int, **more: Any) -> float:
    """Record microseconds of CPU a row; short works are done many times over."""
    work()
    start = time.process_time()
    work()
    took = time.process_time() - start
    calls = max(1, math.ceil(LEAST_S / max(took, 1e-6)))

    def many() -> None:
        for _ in range(calls):
            work()

    taken = [
        1e6 * seconds / (calls * rows)
        for seconds in cpu_seconds(many, REPEATS if took < 0.5 else 3)
    ]
    return record("features", case, taken, "us/row", batch=rows, **more)


def ratio(case: str, value: float, goal: str) -> None:
    record("features", case, [value], "times", goal=goal)


def cells() -> None:
    for d, m in CELLS:
        values = np.random.default_rng(0).normal(size=(BATCH, d)) / math.sqrt(d)
        features = OpticalMap(m, bias=0.0, construction="structured")
        cell = f"d={d} m={m}"
        ours = measure(f"structured {cell}", partial(features, values), BATCH)
        floor = min(
            measure(f"bare loop {cell}", bare(values, m, bare_structured), BATCH),
            measure(f"bare loop, {LANES} rows {cell}", bare(values, m, bare_side_by_side), BATCH),
        )
        ratio(f"structured / bare loop {cell}", ours / floor, "at most 1.15")
        if d >= 128 and m >= 10_000:
            one = measure(f"structured, one row {cell}", partial(features, values[:1]), 1)
            ratio(f"one row / {BATCH} rows {cell}", one / ours, "at most 1.5")
        waves = measure(
            f"fourier {cell}", partial(FourierMap(m, construction="structured"), values), BATCH
        )
        if d * m <= LARGEST_PEER:
            peer = measure(f"scikit-learn RBFSampler {cell}", sampler(values, m), BATCH)
            wanted = 2 if d >= 128 and m >= 10_000 else 1
            ratio(f"RBFSampler / fourier {cell}", peer / waves, f"at least {wanted}")
        if (d, m) in DENSE:
            dense = measure(f"dense sgemm {cell}", product(values, m), BATCH)
            ratio(f"dense sgemm / structured {cell}", dense / ours, f"at least {DENSE[d, m]}")
    tables = OpticalMap(100_000, bias=0.0)._draw(1024)
    size = sum(part.nbytes for part in tables if isinstance(part, np.ndarray)) / 1e6
    record("features", "memory of d=1024 m=100000", [size], "MB", goal="under 2")


def river(d: int = 16, m: int = 1000) -> None:
    rows = [dict(enumerate(row)) for row in np.random.default_rng(1).normal(size=(50, d)).tolist()]

    def work(model: Any) -> None:
        for row in rows:
            model.transform_one(row)

    ours = Transformer(FourierMap(m), max_features=d)
    ours.learn_one(rows[0])
    theirs = RiverSampler(n_components=m, seed=0)
    mine = measure(f"river face d={d} m={m}", partial(work, ours), len(rows))
    peer = measure(f"river RBFSampler d={d} m={m}", partial(work, theirs), len(rows))
    ratio(f"river RBFSampler / river face d={d} m={m}", peer / mine, "at least 1")


def bits(d: int = 1024, m: int = 10_000) -> None:
    rows = np.random.default_rng(2).integers(0, 2, size=(BATCH, d))
    features = OpticalMap(m, bias=0.0, construction="binary", response=2)
    work = partial(features, PackedBits.of(rows))
    taken = [1e9 * seconds / (BATCH * m) for seconds in cpu_seconds(work, REPEATS)]
    record("features", f"1-bit rows and matrix d={d} m={m}", taken, "ns/feature", goal="at most 4")


def frames(d: int = 1 << 20) -> None:
    values = np.random.default_rng(3).normal(size=(4, d)) / math.sqrt(d)
    features = OpticalMap(d, bias=0.0, construction="structured", threads=2)
    features(values)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        features(values)
        taken.append(len(values) / (time.perf_counter() - start))
    record("features", "2^20 to 2^20, two threads, by the clock", taken, "frames/s", goal="100")
    work = partial(features.clone(), values[:1])
    seconds = [1e3 * s / 3 for s in cpu_seconds(work, REPEATS)]
    told = "2^20 transform, a third of a frame"  # which is three of them, and what is between
    record("features", told, seconds, "ms", goal="at most 2.4")
    row, other, working = (np.ones(d, np.float32) for _ in range(3))
    last = WORKING_LANES.bit_length() - 1

    def alone() -> None:  # from natural order to natural order
        spread_values(row, other, working)
        transform_group(working, other, d, last)

    seconds = [1e3 * s for s in cpu_seconds(alone, REPEATS)]
    record("features", "2^20 transform alone", seconds, "ms", goal="at most 2.4")


def portable() -> None:
    for d, m in PORTABLE:
        values = np.random.default_rng(4).normal(size=(BATCH, d)) / math.sqrt(d)
        for features in (OpticalMap(m), FourierMap(m)):
            case = f"{type(features).__name__} d={d} m={m}"
            ours = measure(f"compiled {case}", partial(features, values), BATCH)
            other = measure(f"portable {case}", partial(ArrayAPIMap(features), values), BATCH)
            record("features", f"portable / compiled {case}", [other / ours], "times")


def table() -> None:
    """Write the table of the page from the last line of each case."""
    lines = latest("features")
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for case, line in lines.items():
        what, _, cell = case.partition(" d=")
        if "goal" in line:
            found.setdefault((what, line["unit"], line["goal"]), {})[cell] = line["median"]
    rows = [_reached(*told, cells) for told, cells in found.items()]
    speeds = [_cell(lines, d, m) for d, m in CELLS]
    floors = ("bare loop", f"bare loop, {LANES} rows")
    peers = ("fourier", "RBFSampler", "dense sgemm", "portable")
    heads = ("d", "m", "structured", "one row", *floors, *peers)
    text = "\n| what | goal | measured |\n|---|---|---|\n" + "".join(rows)
    text += f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n" + "".join(speeds) + "\n"
    before, start, rest = PAGE.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE.name} must have a place for the table: {START.strip()} {END}")
    PAGE.write_text(before + start + text + end + after)


def _reached(what: str, unit: str, goal: str, cells: Mapping[str, float]) -> str:
    """Return the line of a goal, over all cells of d and m that have it."""
    low, high = _short(min(cells.values())), _short(max(cells.values()))
    named = ", ".join(f"d={cell}" for cell in cells if cell)
    if len(cells) > 2:
        named = f"{len(cells)} cells"
    spread = low if low == high else f"{low} to {high}"
    return f"| {what.removesuffix(' of')}{named and f' ({named})'} | {goal} | {spread} {unit} |\n"


def _cell(lines: Mapping[str, Any], d: int, m: int) -> str:
    ours, peers = ("structured", "structured, one row"), ("scikit-learn RBFSampler", "dense sgemm")
    names = (*ours, "bare loop", f"bare loop, {LANES} rows", "fourier", *peers)
    found = [lines.get(f"{name} d={d} m={m}") for name in (*names, "portable Optical")]
    shown = ["-" if line is None else _short(line["median"]) for line in found]
    return f"| {d:,} | {m:,} | {' | '.join(shown)} |\n"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


PARTS = {part.__name__: part for part in (cells, river, bits, frames, portable)}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    pools: Any = import_module("threadpoolctl")
    with pools.threadpool_limits(1):  # the peers too have one core
        for name, part in PARTS.items():
            if name in chosen:
                part()
    table()


if __name__ == "__main__":
    main()
