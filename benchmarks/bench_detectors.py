"""All detectors on the same streams and series: what `streamlyt evaluate detectors` prints, kept.

Budgets are CPU seconds, so that other work on the machine changes little. ``--data`` names folders
of annotated series, which are not shipped: the Turing collection and the segmentation benchmark.
``--quick``: one law, few streams.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np
from _results import record, say

from streamlyt.evaluate import (
    LAWS,
    NEVER,
    PEERS,
    Annotated,
    Contender,
    Plan,
    contender,
    on_law,
    on_series,
    read_annotated,
)

# All with their defaults; the bank also for the run length of the others, and windows also as long
# as a change of the mixture takes.
OURS = ("newma", "bank(arl=1e4)", "bank", "moving_average", "scan_b", "mmd", "sliced_wasserstein")
LONG = ("newma(window=250)", "moving_average(window=250)", "scan_b(window=250)", "mmd(window=250)")
SECONDS = 3.0  # of a detector on a law


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one law, few streams")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="annotated series")
    asked = parser.parse_args()
    everyone = [contender(name) for name in (*OURS, *LONG, *PEERS, NEVER)]
    plan = Plan(seconds=1.0 if asked.quick else SECONDS, clock=time.process_time)
    for law in list(LAWS)[:1] if asked.quick else LAWS:
        for who in everyone:
            score = on_law(who, law, plan)
            covering = [] if score.covering is None else [score.covering]
            record(
                "detectors", f"{law}: {who.name}", covering or [0.0], "covering", **score.to_dict()
            )
    for folder in asked.data:
        series = read_annotated(folder)
        for who in everyone:
            annotated(folder.name, who, series)


def annotated(name: str, who: Contender, series: list[Annotated]) -> None:
    say(f"{name}: {who.name}")
    scores = [on_series(who, each) for each in series]
    record(
        "detectors",
        f"{name}: {who.name}",
        [score.covering for score in scores],
        "covering",
        detector=who.name,
        series=len(scores),
        covering=float(np.mean([score.covering for score in scores])),
        f1=float(np.mean([score.f1 for score in scores])),
        found=sum(len(score.found) for score in scores),
        microseconds=float(np.mean([score.microseconds for score in scores])),
    )


if __name__ == "__main__":
    main()
