"""Reservoirs compared with reservoirpy: a step at equal size, and a readout at equal features.

Needs the dependency group "bench".
"""

import os
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import time

import numpy as np
from reservoirpy.nodes import RLS, Reservoir
from scipy import sparse

from benchmarks._results import cpu_seconds, record, say
from benchmarks.forecasting.bench_reservoirs import JUDGE, LEARN, STARTS
from streamlyt.evaluate import valid_prediction_steps
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.reservoirs._readouts.base import BLOCK, Gram
from streamlyt.systems import Lorenz

NODES = 500
ROWS = 20_000
HORIZON = 1100  # 20 Lyapunov times of Lorenz


def step(nodes: int, goal: int) -> None:
    """Measure a step of a structured tanh reservoir against one with a tenth of all weights."""
    rng = np.random.default_rng(0)
    count = max(20, 2_000_000 // nodes**2 * 20)
    inputs = rng.normal(size=(count, 3))
    links = nodes // 10
    # Made here in the format of their default: the radius of theirs takes minutes to find.
    places = rng.integers(0, nodes, size=(nodes, links)).astype(np.int32)
    weights = 0.9 * rng.normal(size=nodes * links) / np.sqrt(links)
    pointers = np.arange(0, nodes * links + 1, links, dtype=np.int32)
    matrix = sparse.csr_array((weights, places.ravel(), pointers), shape=(nodes, nodes))
    theirs = Reservoir(nodes, W=matrix, seed=0)
    peer = [s / count for s in cpu_seconds(lambda: theirs.run(inputs), 5)]
    echo = EchoStateNetwork(nodes, activation="tanh", dtype="float32", spectral_radius=0.9)
    memory = echo.start(1, 3)
    repeats = 20
    rows = np.tile(inputs[:, None], (repeats, 1, 1))
    ours = [s / len(rows) for s in cpu_seconds(lambda: echo.run(rows, memory), 5)]
    ratio = float(np.median(peer) / np.median(ours))
    record("baselines", f"step of {nodes} nodes: reservoirpy", [1e6 * s for s in peer], "us")
    record(
        "baselines",
        f"step of {nodes} nodes: EchoStateNetwork",
        [1e6 * s for s in ours],
        "us",
        f"at least {goal} times faster than reservoirpy",
        ratio=round(ratio, 1),
    )


def readout() -> None:
    """Measure the readout of 500 nodes on equal features, and both valid prediction times."""
    rows = Lorenz(seed=LEARN).sample(ROWS)
    model = ReservoirForecaster(
        EchoStateNetwork(NODES), max_refit_interval=1000, calibration_rows=0
    )
    model.predict_and_learn(rows)
    scaled = (rows - model.state["centre"]) * model.state["factor"]
    features = model._drive.run(scaled, model._drive.start(3), 3)[:, 0]
    seen, answers = features[model.washout - 1 : -1], np.diff(scaled[model.washout - 1 :], axis=0)
    ours = _held(model)
    begin = time.process_time()
    gram = Gram(model.ridge, 1.0)
    memory = gram.start(seen.shape[1], 3)
    solved = 0
    for start in range(0, len(seen) - BLOCK + 1, BLOCK):
        gram.absorb(seen[start : start + BLOCK], answers[start : start + BLOCK], BLOCK, memory)
        if start - solved >= 1000:
            gram.solve(memory)
            solved = start
    spent = (time.process_time() - begin) / len(seen)
    energy = float(np.einsum("ij,ij", seen, seen))
    held = {}
    for alpha in (1e-6, model.ridge * energy):
        peer = RLS(alpha=alpha, fit_bias=False)
        begin = time.process_time()
        peer.partial_fit(seen, answers)
        theirs = (time.process_time() - begin) / len(seen)
        model.state["weights"] = np.ascontiguousarray(np.asarray(peer.Wout).T)
        model.state["solved"] = model.state["learnt"]
        held[alpha] = _held(model)
    best = max(held.values(), key=lambda times: float(np.median(times)))
    record("baselines", f"readout of {NODES} nodes, a row: reservoirpy RLS", [1e6 * theirs], "us")
    record(
        "baselines",
        f"readout of {NODES} nodes, a row: Gram, solved each 1000",
        [1e6 * spent],
        "us",
        "at least 20 times faster than reservoirpy's RLS",
        ratio=round(theirs / spent, 1),
    )
    record("baselines", f"valid time of {NODES} nodes: reservoirpy RLS", best, "Lyapunov times")
    record(
        "baselines",
        f"valid time of {NODES} nodes: Gram",
        ours,
        "Lyapunov times",
        "at least that of reservoirpy's RLS",
    )


def _held(model: ReservoirForecaster) -> list[float]:
    truth = Lorenz(seed=JUDGE)
    unit = truth.dt * float(truth.lyapunov_exponent or 0.0)
    rows = truth.sample(model.washout + HORIZON + 4000)
    times = []
    for start in np.linspace(model.washout, len(rows) - HORIZON, STARTS).astype(int):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a loop that leaves is only short
            ahead = model.forecast(HORIZON, context=rows[start - model.washout : start])
        after = rows[start : start + HORIZON]
        times.append(float(valid_prediction_steps(after, ahead, rows.var(axis=0)) * unit))
    return times


def main() -> None:
    step(2_000, 10)
    step(10_000, 60)
    readout()
    say("done")


if __name__ == "__main__":
    main()
