"""Progressive validation on measured series: ours, persistence and river's forecasters.

Each row is learned after the next twelve were forecast. The figure is the root mean square error
over that of persistence, over all twelve horizons together, and the worst of a single one.
"""

import argparse
import csv
import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from river import datasets, time_series

from benchmarks._results import record, say
from streamlyt.core import Floats
from streamlyt.integrations.river import Forecaster
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster, RobustForecaster
from streamlyt.systems import Lorenz

HORIZON, GRACE = 12, 40
MOST = 600  # forecasts of a series

# With river's own examples for their parameters; the season is that of months.
PEERS: dict[str, Callable[[], Any]] = {
    "ours": lambda: Forecaster(RobustForecaster()),
    "SNARIMAX": partial(time_series.SNARIMAX, p=12, d=1, q=12),
    "HoltWinters": partial(time_series.HoltWinters, alpha=0.3, beta=0.1),
}


def series(folder: Path | None) -> dict[str, Floats]:
    """Return the series: those in river's wheel, and the CSV files of a folder, last column."""
    found = {
        "AirlinePassengers": _targets(datasets.AirlinePassengers),
        "WaterFlow": _targets(datasets.WaterFlow),
    }
    for path in sorted(folder.glob("*.csv")) if folder else ():
        with path.open() as stream:
            cells = [row[-1] for row in list(csv.reader(stream))[1:]]
        found[path.stem] = np.array([float(cell) for cell in cells if cell not in ("", "NaN")])
    return {name: rows[np.isfinite(rows)] for name, rows in found.items()}


def _targets(data: Any) -> Floats:
    return np.array([y for _, y in data()], dtype=np.float64)


def errors(model: Any, rows: Floats) -> Floats:
    """Return the sum of squares a horizon; infinite where a forecast is none."""
    squares = np.zeros(HORIZON)
    every = max(1, (len(rows) - GRACE) // MOST)
    for at, value in enumerate(rows):
        came = rows[at : at + HORIZON]
        if at >= GRACE and at % every == 0 and len(came) == HORIZON:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    ahead = np.array(model.forecast(HORIZON), np.float64)
                except (OverflowError, ValueError):
                    ahead = np.full(HORIZON, np.inf)
            squares += np.where(np.isfinite(ahead), (ahead - came) ** 2, np.inf)
        try:
            model.learn_one(float(value))
        except (OverflowError, ValueError):
            return np.full(HORIZON, np.inf)
    return squares


class Persistence(time_series.base.Forecaster):
    """The last value."""

    def learn_one(self, y: float, x: dict[str, float] | None = None) -> None:
        self.last = y

    def forecast(self, horizon: int, xs: list[dict[str, float]] | None = None) -> list[float]:
        return [self.last] * horizon


def compare(name: str, rows: Floats, only: str | None) -> None:
    last = errors(Persistence(), rows)
    for who, make in PEERS.items():
        if only not in (None, who):
            continue
        start = time.process_time()
        squares = errors(make(), rows)
        spent = time.process_time() - start
        ratios = np.sqrt(squares / last)
        goal = "at most 1.02 times persistence" if who == "ours" else None
        record(
            "robust_forecaster",
            f"{name} ({len(rows)} rows): {who}",
            [float(np.sqrt(squares.sum() / last.sum()))],
            "times persistence",
            goal,
            next_row=round(float(ratios[0]), 3),
            worst_horizon=round(float(ratios.max()), 3),
            cpu_s=round(spent, 1),
        )


def step() -> None:
    """Measure what the face of river costs a row over the same rows in blocks."""
    rows = Lorenz(seed=101).sample(12_000)
    names = "xyz"
    dictionaries = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
    over = []
    for _ in range(5):
        bare, face = (
            ReservoirForecaster(EchoStateNetwork(500)),
            Forecaster(ReservoirForecaster(EchoStateNetwork(500))),
        )
        start = time.process_time()
        for at in range(0, len(rows), 64):
            bare.predict_and_learn(rows[at : at + 64])
        middle = time.process_time()
        for row in dictionaries:
            face.learn_one(row)
        end = time.process_time()
        over.append(1e6 * ((end - middle) - (middle - start)) / len(rows))
    each = round(1e6 * (middle - start) / len(rows), 1)
    record("robust_forecaster", "river face, 500 nodes, 3 channels", over, "us a row over blocks",
           "at most 20", bare_us=each)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of CSV files, the last column each")
    parser.add_argument("--only", choices=("step", *PEERS), help="the face of river, or one model")
    given = parser.parse_args()
    if given.only != "step":
        for name, rows in series(given.data).items():
            compare(name, rows, given.only)
    if given.only in (None, "step"):
        step()
    say("done")


if __name__ == "__main__":
    main()
