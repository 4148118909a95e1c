"""One pass over a million rows: the memory it takes, and the batch solution that it comes to."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

from pathlib import Path

import numpy as np

from benchmarks._results import record, say
from benchmarks.forecasting.bench_reservoirs import LEARN
from streamlyt.core import Floats
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import Lorenz

ROWS = 1_000_000
EARLY = 100_000  # rows after which the memory is taken to be what it will be
PART = 10_000  # rows learnt at a time
RIDGE = 1e-10


def resident() -> float:
    """Return the resident set now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def batch(rows: Floats, model: ReservoirForecaster) -> Floats:
    """Return the weights by Householder's reflections over all rows, at the ridge of the model."""
    scaled = (rows - model.state["centre"]) * model.state["factor"]
    memory = model._drive.start(3)
    head = model._drive.run(scaled[: model.washout], memory, 3)[-1]
    wide = head.shape[1] + 3
    root, energy = np.zeros((wide, wide)), 0.0
    for start in range(model.washout, len(rows), PART):
        part = scaled[start : start + PART]
        features = np.concatenate([head, model._drive.run(part, memory, 3)[:, 0]])
        seen, head = features[:-1], features[-1:]
        answers = part - scaled[start - 1 : start - 1 + len(part)]
        stacked = np.vstack([root, np.hstack([seen, answers])])
        root = np.linalg.qr(stacked).R
        energy += float(np.einsum("ij,ij", seen, seen))
    n = wide - 3
    damping = np.sqrt(RIDGE * energy) * np.eye(n)
    q, r = np.linalg.qr(np.vstack([root[:, :n], damping]))
    answers = np.vstack([root[:, n:], np.zeros((n, 3))])
    weights: Floats = np.linalg.solve(r, q.T @ answers).T
    return weights


def main() -> None:
    rows = Lorenz(seed=LEARN).sample(ROWS)
    say("rows made")
    model = ReservoirForecaster(EchoStateNetwork(100), ridge=RIDGE, calibration_rows=0)
    before = 0.0
    for start in range(0, ROWS, PART):
        model.predict_and_learn(rows[start : start + PART])
        if start + PART == EARLY:
            before = resident()
    after = resident()
    change = 100 * (after / before - 1)
    record(
        "reservoirs",
        "one pass over 1e6 rows: change of the resident set",
        [change],
        "per cent",
        "below 1 per cent",
        resident_mb=round(after),
    )
    weights = batch(rows, model)
    features = model.state["features"]
    ours, theirs = features @ model._current().T, features @ weights.T
    off = float(np.abs(ours - theirs).max())
    record(
        "reservoirs",
        "one pass over 1e6 rows: predictions off a batch QR",
        [off],
        "of the spread",
        "within 1e-8",
    )


if __name__ == "__main__":
    main()
