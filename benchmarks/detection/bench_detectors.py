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

from benchmarks._results import record, say
from streamlyt.evaluate import (
    GENERATORS,
    NO_ALARM,
    RIVER_BASELINES,
    AnnotatedSeries,
    BenchmarkPlan,
    Candidate,
    candidate,
    load_annotated,
    score_on_generator,
    score_on_series,
)

# All with their defaults; the bank also for the run length of the others, and windows also as long
# as a change of the mixture takes.
OURS = (
    "newma",
    "bank(arl=1e4)",
    "multiscale_newma",
    "sliding_mmd",
    "scan_b",
    "reference_mmd",
    "sliced_wasserstein",
)
LONG = ("newma(window=250)", "moving_average(window=250)", "scan_b(window=250)", "mmd(window=250)")
SECONDS = 3.0  # of a detector on a law


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one law, few streams")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="annotated series")
    asked = parser.parse_args()
    everyone = [candidate(name) for name in (*OURS, *LONG, *RIVER_BASELINES, NO_ALARM)]
    plan = BenchmarkPlan(seconds=1.0 if asked.quick else SECONDS, clock=time.process_time)
    for law in list(GENERATORS)[:1] if asked.quick else GENERATORS:
        for who in everyone:
            score = score_on_generator(who, law, plan)
            covering = [] if score.covering is None else [score.covering]
            record(
                "detectors", f"{law}: {who.name}", covering or [0.0], "covering", **score.to_dict()
            )
    for folder in asked.data:
        series = load_annotated(folder)
        for who in everyone:
            annotated(folder.name, who, series)


def annotated(name: str, who: Candidate, series: list[AnnotatedSeries]) -> None:
    say(f"{name}: {who.name}")
    scores = [score_on_series(who, each) for each in series]
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
