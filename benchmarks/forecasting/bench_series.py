"""Annotated univariate series: covering and F1 of the split search, with its defaults.

``--data`` or the variable STREAMLYT_SERIES names a folder that holds ``tcpd`` (Turing change point
dataset) and ``tssb`` (time series segmentation benchmark), as `read_annotated` knows them; without
one nothing is measured.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from benchmarks._results import record, say
from streamlyt.core import Batch, Floats, Schema
from streamlyt.detectors import OnlineSegmentation
from streamlyt.evaluate import covering, f1_score, load_annotated

BENCHMARK = "series"
# The margin of F1 in rows, and what is wanted beyond (0: above) never telling of a change.
GOALS = {"tcpd": ("at least {:.3f}", "at least {:.3f}"), "tssb": ("at least 0.65", None)}
MORE = 0.10  # of both, above never telling of a change, on tcpd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds tcpd and tssb")
    parser.add_argument("--quick", action="store_true", help="the first few series of each")
    asked = parser.parse_args()
    folder = asked.data or os.environ.get("STREAMLYT_SERIES")
    if folder is None:
        say("neither --data nor STREAMLYT_SERIES names a folder: no series are measured")
        return
    for name in GOALS:
        if (Path(folder) / name).is_dir():
            collection(name, Path(folder) / name, 5 if asked.quick else None)


def collection(name: str, folder: Path, most: int | None) -> None:
    """Score all series of a folder, each against never telling of a change."""
    scores: list[tuple[float, float]] = []
    never: list[tuple[float, float]] = []
    found: dict[str, list[int]] = {}
    rows, start = 0, time.process_time()
    for series in load_annotated(folder)[:most]:
        n = len(series.values)
        # The published scores of tssb count a change found within a hundredth of the series.
        margin = 5 if name == "tcpd" else max(5, n // 100)
        found[series.name] = changes(series.values)
        for kept, told in ((scores, found[series.name]), (never, [])):
            kept.append(
                (covering(series.truth, told, n), f1_score(series.truth, told, margin=margin))
            )
        rows += n
    cost = (time.process_time() - start) * 1e6 / rows
    for column, (what, goal) in enumerate(zip(("covering", "F1"), GOALS[name], strict=True)):
        values = [float(score[column]) for score in scores]
        base = float(np.mean([score[column] for score in never]))
        record(
            BENCHMARK,
            f"{name}: {what}",
            values,
            "of 1",
            goal=None if goal is None else goal.format(base + MORE),
            mean=round(float(np.mean(values)), 4),
            never=round(base, 4),
            us_a_row=round(cost, 1),
            found=found,
        )


def changes(values: Floats) -> list[int]:
    schema = Schema.of(*(f"x{i}" for i in range(values.shape[1])))
    _, events = OnlineSegmentation().update(Batch("", np.arange(len(values)), values, schema))
    return [event.change_index for event in events]


if __name__ == "__main__":
    main()
