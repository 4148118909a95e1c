"""What a worker of a cluster adds to the bare kernel, what a second one brings, and how cost grows.

``--grow`` varies rows a message, series and features, each alone, for the plan in the docs.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from benchmarks._results import ROOT, record, say
from streamlyt.connectors import KafkaSink
from streamlyt.connectors.kafka.broker import LocalBroker
from streamlyt.core import Batch, Floats, Schema
from streamlyt.detectors import NEWMA

WIDTH, PARTITIONS = 8, 4
NAMES = [f"x{i}" for i in range(WIDTH)]
MAIN = "from streamlyt.cli import main; main()"
PIPELINE = f"""
[source]
type = "kafka"
topic = "TOPIC"
columns = {NAMES}
codec = "arrow"
time_column = "time"
time_unit = "step"
bootstrap_servers = "SERVERS"
group_id = "GROUP"
session_timeout_s = 6

[[operators]]
type = "newma"
FEATURES

[[sinks]]
type = "kafka"
topic = "scored-TOPIC"
codec = "arrow"
bootstrap_servers = "SERVERS"

[serve]
port = 0
"""
CORES = os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """Series, rows a message, messages in all, and random features of the detector."""

    keys: int = 16
    rows: int = 1000
    messages: int = 6400
    features: int | None = None  # what NEWMA takes by default

    @property
    def topic(self) -> str:
        """Name of the topic that holds it: features are no matter of the rows."""
        return f"rows-{self.keys}-{self.rows}-{self.messages}"

    def turns(self) -> Iterator[list[Floats]]:
        """Yield the rows of all keys, message after message."""
        rng = np.random.default_rng(0)
        for _ in range(self.messages // self.keys):
            yield [rng.normal(size=(self.rows, WIDTH)) for _ in range(self.keys)]


def fill(servers: str, load: Load) -> None:
    """Write the messages, once, and make room for what comes of them."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    names = {load.topic, f"scored-{load.topic}"} - set(admin.list_topics())
    admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    admin.close()
    if load.topic not in names:
        return
    sink = KafkaSink(
        load.topic, bootstrap_servers=servers, codec="arrow", rows_per_message=load.rows
    )
    schema = Schema.of(*NAMES)
    for turn, values in enumerate(load.turns()):
        times = np.arange(turn * load.rows, (turn + 1) * load.rows)
        for key, rows in enumerate(values):
            sink.write_rows(Batch(f"pump-{key}", times, rows, schema))
    sink.close()


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written(consumer: KafkaConsumer, load: Load) -> int:
    """Return how far the topic that is written has come, in messages and ends of transactions."""
    parts = [TopicPartition(f"scored-{load.topic}", i) for i in range(PARTITIONS)]
    return sum(consumer.end_offsets(parts).values())


class Passed(NamedTuple):
    """What a pass over the topic took."""

    rate: float  # rows a second
    apart: float  # rows a second if the broker had cores of its own
    ns: float  # CPU nanoseconds a row, of the workers
    broker_ns: float


def pass_over(
    servers: str, folder: Path, group: str, workers: int, load: Load, broker: int
) -> Passed:
    """Let workers read all.

    Counted from the time on when a fifth is written: what comes before is imports. ``apart``
    takes the broker's CPU time from that of the cores that so many workers would fill.
    """
    file = folder / f"{group}.toml"
    text = PIPELINE.replace("SERVERS", servers).replace("GROUP", group)
    features = "" if load.features is None else f"n_components = {load.features}"
    file.write_text(text.replace("TOPIC", load.topic).replace("FEATURES", features))
    consumer = KafkaConsumer(bootstrap_servers=servers)
    before = written(consumer, load)
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-c", MAIN),
                *("cluster", "worker", str(file), "--worker-id", str(i)),
            ],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            stderr=subprocess.DEVNULL,
        )
        for i in range(workers)
    ]
    whole = load.messages
    try:
        while written(consumer, load) - before < 0.2 * whole:
            time.sleep(0.05)
        began, used = time.perf_counter(), sum(cpu(one.pid) for one in processes)
        served = cpu(broker)
        first = written(consumer, load) - before
        while (last := written(consumer, load) - before) < 0.95 * whole:
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        used = sum(cpu(one.pid) for one in processes) - used
        served = cpu(broker) - served
    finally:
        for one in processes:
            one.send_signal(signal.SIGTERM)
        for one in processes:
            one.wait(60)
        consumer.close()
    rows = (last - first) * load.rows
    # With a core for each worker the broker takes what is over; the rest it takes from them.
    taken = max(0.0, served - (CORES - workers) * seconds) / workers
    return Passed(rows / seconds, rows / (seconds - taken), used / rows * 1e9, served / rows * 1e9)


def bare(load: Load) -> float:
    """Return CPU nanoseconds a row of the kernel alone, over the same rows in the same turns.

    The same rows, for the kernel is twice as fast over a few that stay in the cache.
    """
    detectors = [NEWMA(n_components=load.features) for _ in range(load.keys)]
    used, counted, turns = 0.0, 0, load.messages // load.keys
    for turn, values in enumerate(load.turns()):
        start = time.process_time()
        for one, rows in zip(detectors, values, strict=True):
            one.score(rows)
        if turn >= turns // 5:
            used += time.process_time() - start
            counted += load.keys * load.rows
    return used / counted * 1e9


def compare(servers: str, folder: Path, broker: int, messages: int, repeats: int) -> None:
    """Hold one worker to the kernel and two to one."""
    load = Load(messages=messages)
    fill(servers, load)
    alone: list[Passed] = []
    both: list[Passed] = []
    kernel = min(bare(replace(load, messages=load.messages // 4)) for _ in range(repeats))
    for i in range(repeats):
        for workers, passed in ((1, alone), (2, both)):
            passed.append(pass_over(servers, folder, f"g{workers}-{i}", workers, load, broker))
            say(f"{workers} workers: {passed[-1]}, kernel {kernel:.0f} ns")
    case = f"messages of {load.rows:,} rows"
    record("cluster", f"one worker, {case}", [one.rate for one in alone], "rows/s")
    over = [100 * (one.ns / kernel - 1) for one in alone]
    record("cluster", f"over the bare kernel, {case}", over, "%", goal="at most 15")
    record(
        "cluster",
        f"two workers over one, the broker's CPU time subtracted, {case}",
        [two.apart / one.apart for one, two in zip(alone, both, strict=True)],
        "times",
        goal="1.6",
    )
    record(
        "cluster",
        f"two workers over one, as they came, {case}",
        [two.rate / one.rate for one, two in zip(alone, both, strict=True)],
        "times",
    )
    record("cluster", f"the broker, {case}", [one.broker_ns for one in alone], "ns a row")


GROWTH = (
    Load(messages=3200),
    Load(rows=100, messages=16_000),
    Load(rows=10, messages=32_000),
    Load(rows=1, messages=32_000),
    Load(rows=100, keys=1000, messages=16_000),
    Load(rows=100, keys=8000, messages=32_000),
    Load(rows=100, features=1000, messages=8000),
    Load(rows=100, features=10_000, messages=1600),
)


def grow(servers: str, folder: Path, broker: int) -> None:
    """Measure one worker under loads that differ in one thing from the first, or the second."""
    for i, load in enumerate(GROWTH):
        fill(servers, load)
        found = pass_over(servers, folder, f"grow-{i}", 1, load, broker)
        features = "default" if load.features is None else f"{load.features:,}"
        case = f"{load.keys:,} series, {load.rows:,} rows a message, {features} features"
        record("cluster", f"worker: {case}", [found.ns * load.rows / 1000], "us a message")
        record("cluster", f"broker: {case}", [found.broker_ns * load.rows / 1000], "us a message")


def main() -> None:
    """Measure against a broker of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=6400, help="of 1,000 rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--grow", action="store_true", help="how cost grows instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streamlyt-bench-") as folder:
        broker = LocalBroker(Path(folder) / "broker", 0)
        broker.start()
        try:
            servers, pid = broker.servers["PLAINTEXT"], broker.pid
            assert pid is not None
            if asked.grow:
                grow(servers, Path(folder), pid)
            else:
                compare(servers, Path(folder), pid, asked.messages, asked.repeats)
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
