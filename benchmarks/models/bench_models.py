"""Progressive validation on the tables in the river wheel, speeds, and how long numbers hold.

One set of defaults for all tables. Persistence (or the majority class), the models of streamlyt and
those of river run in the same process. ``--table`` measures nothing and writes docs/models.md anew;
``--tables``, ``--speeds`` and ``--immortality`` measure that alone; ``--quick`` leaves out the
slowest models, ``--ours`` all but ours; ``--only WORD`` measures the tables and models whose case
(``Yeast: ARF``) has this word in it.
"""

import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np

from benchmarks._results import ROOT, cpu_seconds, latest, record, say
from benchmarks.models._river_streams import CLASSES, CLASSIFIERS, MOST_ROWS, NUMBERS, REGRESSORS
from streamlyt.features import OpticalMap
from streamlyt.models import FOGD, RLS
from streamlyt.models._experts.square_root_rls import SquareRootRLS

PAGE = ROOT / "docs" / "models.md"
START, END = "<!-- table: {} -->\n", "<!-- end -->"
MOST_S = 90.0  # CPU seconds of one model on one table: what is slower did not finish
GOALS = {
    "Bananas": "at least .900",
    "Phishing": "at least .900",
    "ImageSegments": "at least .946",
    "TrumpApproval": "at most .190",
    "ChickWeights": "at most 19.0",
    "WaterFlow": "below persistence",
    "Friedman": "at most 1.20",
    "FriedmanDrift": "at most 1.60",
}


class Persistence:
    """The last target, 0 before the first."""

    def __init__(self) -> None:
        self.last = 0.0

    def predict_one(self, x: object) -> float:
        """Return it."""
        return self.last

    def learn_one(self, x: object, y: float) -> None:
        """Keep it."""
        self.last = y


class Majority:
    """The class that was the most frequent."""

    def __init__(self) -> None:
        self.seen: Counter[Any] = Counter()

    def predict_one(self, x: object) -> Any:
        """Return it."""
        return self.seen.most_common(1)[0][0] if self.seen else None

    def learn_one(self, x: object, y: Any) -> None:
        """Count it."""
        self.seen[y] += 1


def validated(model: Any, rows: list[tuple[Any, Any]], numbers: bool) -> tuple[float, float, int]:
    """Return the score before learning, CPU seconds a row, and the rows done."""
    total, done, start = 0.0, 0, time.process_time()
    for x, y in rows:
        told = model.predict_one(x)
        if numbers:
            error = abs((0.0 if told is None else told) - y)
            total += error if math.isfinite(error) else math.inf
        else:
            total += told == y
        model.learn_one(x, y)
        done += 1
        if time.process_time() - start > MOST_S:
            break
    return total / done, (time.process_time() - start) / done, done


def tables() -> None:
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    for numbers, sets, models in ((True, NUMBERS, REGRESSORS), (False, CLASSES, CLASSIFIERS)):
        plain = {"persistence": Persistence} if numbers else {"majority": Majority}
        for name, made in sets.items():
            rows = list(islice(made(), MOST_ROWS.get(name)))
            for label, maker in {**plain, **models}.items():
                ours = label.startswith("Kernel")
                if only not in f"{name}: {label}":
                    continue
                if "--quick" in sys.argv and label in ("ARF", "AMF", "KNN"):
                    continue
                if "--ours" in sys.argv and not ours:
                    continue
                if ours:
                    validated(maker(), rows[:40], numbers)  # compiles
                score, seconds, done = validated(maker(), rows, numbers)
                record(
                    "models",
                    f"{name}: {label}",
                    [score],
                    "MAE" if numbers else "accuracy",
                    goal=GOALS.get(name) if ours else None,
                    rows_per_s=round(1 / seconds, 1),
                    rows=done,
                    of_rows=len(rows),
                )


def speeds(d: int = 16, m: int = 512, n: int = 256) -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(40 * n, d)), rng.normal(size=40 * n)
    features = OpticalMap(
        m - 1 - 6 * d, dtype="float64"
    )  # beside a constant, lines and 5 bends each
    model = RLS(features)
    model.learn(rows[:600], targets[:600])

    def one_by_one() -> None:
        for i in range(n):
            row = rows[i : i + 1]
            model.predict(row)
            model.learn(row, targets[i : i + 1])

    def batches() -> None:
        for start in range(600, 600 + 8 * n, n):
            model.learn(rows[start : start + n], targets[start : start + n])

    def steps(model: FOGD) -> Callable[[], None]:
        model.learn(rows[:600], targets[:600])

        def work() -> None:
            for start in range(600, 600 + 8 * n, n):
                model.learn(rows[start : start + n], targets[start : start + n])

        return work

    single = OpticalMap(features.n_components)  # in single precision, as a gradient needs no more

    width = model.state["rls_weights"].shape[1]
    for case, work, count, goal in (
        ("RLS, learn_one and predict_one", one_by_one, n, "at least 10000"),
        ("RLS, learn_many of 256", batches, 8 * n, "at least 30000"),
        ("FOGD, learn_many of 256", steps(FOGD(features)), 8 * n, "at least 300000"),
        ("FOGD, single features, learn_many of 256", steps(FOGD(single)), 8 * n, "at least 300000"),
    ):
        taken = [count / seconds for seconds in cpu_seconds(work, 5)]
        record("models", f"{case}, d={d} m={width}", taken, "rows/s", goal=goal)


def immortality() -> None:
    for m in (10, 31, 100):
        lasting(m)


def lasting(m: int, steps: int = 10_000_000, forget: float = 0.99) -> None:
    """Compare with a QR solution of the rows that still count, after very many steps."""
    rng = np.random.default_rng(0)
    root = SquareRootRLS(forget, 0.1)
    memory = root.start(m)
    block, done = 50_000, 0
    while done < steps:
        features = rng.normal(size=(block, m)) / math.sqrt(m)
        features[:, 0], features[:, 1] = 1.0, 0.0
        features[:, m // 2 :] *= rng.random(size=(block, 1)) < 1e-3
        targets = features.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(block, 1))
        if done + block < steps:
            root.follow(memory, features, targets)
        done += block
    kept = 4000
    pull, wanted = math.sqrt((1 - forget) * 0.1 * m), np.zeros((kept, 1))
    root.follow(memory, features[:-kept], targets[:-kept])
    for i in range(kept):  # what each row pulls to is what was known as its turn began
        row = slice(block - kept + i, block - kept + i + 1)
        root.follow(memory, features[row], targets[row])
        wanted[i] = pull * memory["anchors"][0, (done - kept + i) % m]
    weights = np.sqrt(forget ** np.arange(kept - 1.0, -1.0, -1.0))[:, None]
    pulls = np.zeros((kept, m))
    turns = np.arange(done - kept, done) % m
    pulls[np.arange(kept), turns] = pull
    seen = np.vstack([features[-kept:] * weights, pulls * weights])
    wanted = np.vstack([targets[-kept:] * weights, wanted * weights])
    q, r = np.linalg.qr(seen)
    gap = float(np.abs(memory["weights"].T - np.linalg.solve(r, q.T @ wanted)).max())
    case = f"RLS after {done:.0e} steps, forget {forget} m={m}: off the QR solution"
    record("models", case, [gap], "at most", goal="1e-6")


def write() -> None:
    """Write the tables of the page from the last line of each case."""
    lines = latest("models")
    text = PAGE.read_text()
    for name, sets, labels in (
        ("numbers", NUMBERS, ("persistence", *REGRESSORS)),
        ("classes", CLASSES, ("majority", *CLASSIFIERS)),
    ):
        heads = ("data", "goal", *labels)
        table = f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n"
        for data in sets:
            cells = [_cell(lines.get(f"{data}: {label}")) for label in labels]
            table += f"| {data} | {GOALS.get(data, '')} | {' | '.join(cells)} |\n"
        text = _filled(text, name, table)
    rest = [line for case, line in lines.items() if case.startswith(("RLS", "FOGD"))]
    table = "| what | measured | goal |\n|---|---|---|\n"
    for line in rest:
        told = f"{line['median']:.3g}" if line["median"] < 1 else f"{line['median']:,.0f}"
        table += f"| {line['case']} | {told} {line['unit']} | {line['goal']} |\n"
    PAGE.write_text(_filled(text, "speeds", table))


def _cell(line: Any) -> str:
    if line is None:
        return "-"
    score = line["median"]
    told = f"{score:.3g}" if score < 1e5 else f"{score:.0e}"
    if line["unit"] == "accuracy":
        told = f"{score:.4f}".lstrip("0")
    speed = line["rows_per_s"]
    rate = f"{speed / 1000:.3g}k" if speed >= 1000 else f"{speed:.0f}"
    if line["rows"] < line.get("of_rows", 0):
        return f"did not finish in {MOST_S:.0f} s: {line['rows']} rows ({rate})"
    return f"{told} ({rate})"


def _filled(text: str, name: str, table: str) -> str:
    before, start, rest = text.partition(START.format(name))
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE.name} must have a place for table {name!r}")
    return f"{before}{start}\n{table}\n{end}{after}"


def main() -> None:
    work: list[Callable[[], None]] = [tables, speeds, immortality]
    named = [each for each in work if f"--{each.__name__}" in sys.argv]
    for each in (named or work) if "--table" not in sys.argv else ():
        say(each.__name__)
        each()
    write()


if __name__ == "__main__":
    main()
