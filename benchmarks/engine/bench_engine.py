"""What the engine adds to bare kernels, what a checkpoint costs, and how it grows with the keys."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import numpy as np

from benchmarks._results import record, say
from streamlyt.core import Batch, Event, Operator, Position, Schema, Source
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.features import OpticalMap
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

ROWS, WIDTH = 1000, 8
KEYS = 64
SCHEMA = Schema.of(*(f"x{i}" for i in range(WIDTH)))
VALUES = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
STATE = 10_000  # bytes of each of the 64 states of the cost of exactly once


class Stream(Source):
    """Batches in turn over the keys, made beforehand."""

    def __init__(self, keys: int, rounds: int, rows: int = ROWS, learnt: int = 0) -> None:
        self.keys, self.rounds, self.rows, self.learnt = keys, rounds, rows, learnt

    @property
    def schema(self) -> Schema:
        """Eight channels."""
        return SCHEMA

    def read(self, start: Position | None = None) -> Iterator[tuple[Batch, Position]]:
        """Yield the rounds."""
        for turn in range(self.rounds):
            times = np.arange(turn * self.rows, (turn + 1) * self.rows)
            for key in range(self.keys):
                yield Batch(f"k{key}", times, VALUES[: self.rows], SCHEMA), {"turn": turn}


class Memory(Operator):
    """Keeps so many bytes, all of which change with every batch."""

    def __init__(self, size: int = STATE) -> None:
        self.size = size
        self.state = {}

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """Give the rows on."""
        if batch.n_rows:
            kept = self.state.setdefault("kept", np.zeros(self.size // 8))
            self.state["kept"] = kept + batch.values[-1, 0]
        return batch, []


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def overhead(repeats: int) -> None:
    """Measure the same batches through bare `score` calls, and through engine and pipeline.

    In turns, and the least of each is taken: a neighbour on the machine only ever adds.
    """
    for keys in (1, 16, KEYS):
        rounds = max(8, 256 // keys)
        # Both learn first, and are measured on what follows: the same kernels on the same rows.
        bare = [NEWMA() for _ in range(keys)]
        batches = [batch for batch, _ in Stream(keys, rounds).read()]
        pipeline = Pipeline([NEWMA()])

        def plainly(bare: list[NEWMA] = bare, batches: list[Batch] = batches) -> None:
            for i, batch in enumerate(batches):
                bare[i % len(bare)].score(batch.values)

        plain, ours = [], []
        for _ in range(repeats + 1):
            plain.append(cpu(plainly))
            ours.append(cpu(LocalEngine(Stream(keys, rounds), pipeline).run))
        record(
            "engine",
            f"over bare kernels, batches of {ROWS}, {keys} keys",
            [100 * (min(ours[1:]) / min(plain[1:]) - 1)],
            "%",
            goal="at most 10" if keys == KEYS else None,
            ns_a_row=round(min(ours[1:]) / len(batches) / ROWS * 1e9),
            taken_from=repeats,
        )


def on_threads(repeats: int) -> None:
    """Measure rows a second of 64 series on one thread and on two, in turns; the best of each."""
    pipeline = Pipeline([NEWMA()])
    LocalEngine(Stream(KEYS, 2), pipeline).run()
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for threads, taken in seconds.items():
            start = time.perf_counter()
            LocalEngine(Stream(KEYS, 8), pipeline, threads=threads).run()
            taken.append(time.perf_counter() - start)
    ratio = min(seconds[1]) / min(seconds[2])
    rate = round(KEYS * 8 * ROWS / min(seconds[2]))
    record("engine", f"two threads over one, {KEYS} keys", [ratio], "times", rows_a_second=rate)


def exactly_once(repeats: int) -> None:
    """Measure checkpoints of 64 states of 10 kB: their share of a second, one a second."""
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        run = RunFile.create(Path(folder) / "a.streamlyt", pipeline="")
        with run:
            for turn in range(repeats + 1):
                states = {
                    f"k{i}": {"memory": {"kept": np.full(STATE // 8, float(turn + i))}}
                    for i in range(KEYS)
                }
                start = time.perf_counter()
                run.checkpoint({"stream": {"turn": turn}}, states)
                costs.append(time.perf_counter() - start)
    record(
        "engine",
        f"exactly once, {KEYS} states of {STATE // 1000} kB, one commit a second",
        [100 * c for c in costs[1:]],
        "% of the time",
        goal="at most 10",
    )


def many_keys(keys: int) -> None:
    """Measure memory and bytes written of NEWMA with 64 features over many keys."""
    features = OpticalMap(64, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.streamlyt"
        pipeline = Pipeline([NEWMA(features=features, null_model="adaptive")])
        with RunFile.create(path, pipeline="") as run:
            start = time.process_time()
            LocalEngine(
                Stream(keys, 2, rows=64), pipeline, runfile=run, checkpoint_interval_s=5.0
            ).run(lambda rows: say(f"{rows} rows") if rows % (64 * 20_000) == 0 else None)
            seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        written = []
        with RunFile.open(path, write=True) as run:
            run.restore_latest()
            run._db.execute("PRAGMA wal_autocheckpoint = 0")
            for changed in (max(1, keys // 1000), max(1, keys // 100)):
                for i in range(changed):
                    times = np.arange(1000, 1064)
                    key = f"k{i * 10}"
                    pipeline.process(Batch(key, times, VALUES[:64], SCHEMA))
                run._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                names = [f"k{i * 10}" for i in range(changed)]
                run.checkpoint({}, pipeline.states(names))
                written.append(path.with_name(path.name + "-wal").stat().st_size / changed)
        size = path.stat().st_size / 1e6
    record(
        "engine",
        f"{keys} keys, NEWMA of 64 features: peak memory",
        [peak],
        "GB",
        goal="at most 2" if keys >= 100_000 else None,
        seconds=round(seconds),
        file_mb=round(size),
        state_bytes=sum(a.nbytes for a in pipeline.states(["k0"])["k0"]["newma"].values()),
        written_a_changed_key=[round(w) for w in written],
    )


def main() -> None:
    """Measure all, or what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["overhead", "threads", "once", "keys"])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=25)
    asked = parser.parse_args()
    if asked.only in (None, "overhead"):
        overhead(asked.repeats)
    if asked.only in (None, "threads"):
        on_threads(asked.repeats)
    if asked.only in (None, "once"):
        exactly_once(asked.repeats)
    if asked.only in (None, "keys"):
        many_keys(asked.keys)
    sys.stderr.flush()


if __name__ == "__main__":
    main()
