"""All detectors on the same streams and series, as in `streamlyt evaluate detectors`.

Budgets are CPU seconds, so that other work on the machine changes little. ``--data`` names folders
of annotated series, which are not shipped: the Turing collection and the segmentation benchmark.
``--quick``: one generator, few streams.
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

# All with their defaults. The default detector runs also at the ARL of the others, and the window
# detectors also with windows as long as a change of the mixture needs.
OURS = (
    "newma",
    "multiscale_newma(arl=1e4)",
    "multiscale_newma",
    "sliding_mmd",
    "scan_b",
    "reference_mmd",
    "sliced_wasserstein",
)
LONG = (
    "newma(window=250)",
    "sliding_mmd(window=250)",
    "scan_b(window=250)",
    "reference_mmd(window=250)",
)
SECONDS = 3.0  # per detector and generator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one generator, few streams")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="annotated series")
    asked = parser.parse_args()
    candidates = [candidate(name) for name in (*OURS, *LONG, *RIVER_BASELINES, NO_ALARM)]
    plan = BenchmarkPlan(time_limit=1.0 if asked.quick else SECONDS, clock=time.process_time)
    for generator in list(GENERATORS)[:1] if asked.quick else GENERATORS:
        for detector in candidates:
            score = score_on_generator(detector, generator, plan)
            covering = [] if score.covering is None else [score.covering]
            record(
                "detectors",
                f"{generator}: {detector.name}",
                covering or [0.0],
                "covering",
                **score.to_dict(),
            )
    for folder in asked.data:
        series = load_annotated(folder)
        for detector in candidates:
            annotated(folder.name, detector, series)


def annotated(name: str, detector: Candidate, series: list[AnnotatedSeries]) -> None:
    say(f"{name}: {detector.name}")
    scores = [score_on_series(detector, each) for each in series]
    record(
        "detectors",
        f"{name}: {detector.name}",
        [score.covering for score in scores],
        "covering",
        detector=detector.name,
        series=len(scores),
        covering=float(np.mean([score.covering for score in scores])),
        f1=float(np.mean([score.f1 for score in scores])),
        found=sum(len(score.found) for score in scores),
        microseconds=float(np.mean([score.microseconds for score in scores])),
    )


if __name__ == "__main__":
    main()
