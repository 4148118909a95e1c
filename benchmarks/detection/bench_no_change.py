"""Smallest detectable change, by the number of rows without a change before it.

The rows before it begin the stream, or follow upon an event (a step of ten standard deviations,
which is always found). Laws and memories of `_generators.py`, five channels, the default detector.
``--quick``: few streams.
"""

import argparse
from zlib import crc32

import numpy as np

from benchmarks._results import record
from benchmarks.detection._generators import quiet
from streamlyt.core import Batch, Floats, Schema
from streamlyt.detectors import MultiscaleNEWMA

BENCHMARK = "no_change"
LAWS = ("iid", "AR(.9)")
SINCE = ("start", "event")
BEFORE = (400, 700, 1000, 1500, 2500, 4500, 10_000)  # rows without a change
SIZES = (1.0, 2.0, 3.0, 5.0)  # standard deviations, in half of the channels
D = 5
FIRST = 2000  # rows before the event that comes first
JUMP = 10.0  # of all channels, in standard deviations
WITHIN = 1500  # rows from a change to its event; later it is another one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few streams")
    streams = 2 if parser.parse_args().quick else 12
    for memory in LAWS:
        for since in SINCE:
            for before in BEFORE:
                for size in SIZES:
                    cell(memory, since, before, size, streams)


def cell(memory: str, since: str, before: int, size: float, streams: int) -> None:
    """Measure one size of change after so many rows."""
    case = f"{memory} d={D}, {before} rows since the {since}: mean +{size:g} sd"
    delays = []
    for i in range(streams):
        rng = np.random.default_rng([crc32(case.encode()), i])
        first = FIRST if since == "event" else 0
        rows = quiet(rng, first + before + WITHIN, D, memory)
        rows[first:] += JUMP if first else 0.0
        rows[first + before :, : D // 2] += size
        delays.append(delay(rows, first + before, i))
    late = [each for each in delays if each is not None]
    record(
        BENCHMARK,
        case,
        [float(each is not None) for each in delays],
        "found",
        found=len(late),
        delay=float(np.median(late)) if late else None,
    )


def delay(rows: Floats, change: int, seed: int) -> int | None:
    """Return how many rows after the change the first event came, if any did."""
    schema = Schema.of(*(f"x{i}" for i in range(D)))
    batch = Batch("", np.arange(len(rows)), rows, schema)
    _, events = MultiscaleNEWMA(null_model="empirical", seed=seed).update(batch)
    return next((e.alarm_index - change for e in events if e.alarm_index >= change), None)


if __name__ == "__main__":
    main()
