"""What a worker of a cluster adds to the bare kernel, and what a second worker brings."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _results import ROOT, record, say
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from streamlyt.base import Batch, Schema
from streamlyt.broker import Broker
from streamlyt.connectors import KafkaSink
from streamlyt.detectors import NEWMA

WIDTH, KEYS, PARTITIONS, ROWS = 8, 16, 4, 1000
NAMES = [f"x{i}" for i in range(WIDTH)]
MAIN = "from streamlyt.cli import main; main()"
PIPELINE = f"""
[source]
name = "kafka"
topic = "rows"
columns = {NAMES}
codec = "arrow"
time = "time"
time_unit = "step"
servers = "SERVERS"
group = "GROUP"
session_timeout_s = 6

[[operators]]
name = "newma"

[[sinks]]
name = "kafka"
topic = "scored"
codec = "arrow"
servers = "SERVERS"

[serve]
port = 0
"""
CORES = os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK")


def fill(servers: str, messages: int) -> None:
    """Write so many messages of a thousand rows a key."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    topics = [NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in TOPICS]
    admin.create_topics(topics)
    admin.close()
    sink = KafkaSink("rows", servers=servers, codec="arrow", message_rows=ROWS)
    schema = Schema.of(*NAMES)
    rng = np.random.default_rng(0)
    for turn in range(messages):
        times = np.arange(turn * ROWS, (turn + 1) * ROWS)
        for key in range(KEYS):
            sink.write(Batch(f"pump-{key}", times, rng.normal(size=(ROWS, WIDTH)), schema))
    sink.close()


TOPICS = ("rows", "scored")


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written(consumer: KafkaConsumer) -> int:
    """Return how far the topic that is written has come, in messages and ends of transactions."""
    parts = [TopicPartition("scored", i) for i in range(PARTITIONS)]
    return sum(consumer.end_offsets(parts).values())


class Passed(NamedTuple):
    """What a pass over the topic took."""

    rate: float  # rows a second
    apart: float  # rows a second if the broker had cores of its own
    ns: float  # CPU nanoseconds a row, of the workers
    broker_ns: float


def pass_over(
    servers: str, folder: Path, group: str, workers: int, messages: int, broker: int
) -> Passed:
    """Let workers read all.

    Counted from the time on when a fifth is written: what comes before is imports. ``apart``
    takes the broker's CPU time from that of the cores that so many workers would fill.
    """
    file = folder / f"{group}.toml"
    file.write_text(PIPELINE.replace("SERVERS", servers).replace("GROUP", group))
    consumer = KafkaConsumer(bootstrap_servers=servers)
    before = written(consumer)
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-c", MAIN),
                *("cluster", "work", str(file), "--number", str(i)),
            ],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            stderr=subprocess.DEVNULL,
        )
        for i in range(workers)
    ]
    whole = messages * KEYS
    try:
        while written(consumer) - before < 0.2 * whole:
            time.sleep(0.05)
        began, used = time.perf_counter(), sum(cpu(one.pid) for one in processes)
        served = cpu(broker)
        first = written(consumer) - before
        while (last := written(consumer) - before) < 0.95 * whole:
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
    rows = (last - first) * ROWS
    # With a core for each worker the broker takes what is over; the rest it takes from them.
    taken = max(0.0, served - (CORES - workers) * seconds) / workers
    return Passed(rows / seconds, rows / (seconds - taken), used / rows * 1e9, served / rows * 1e9)


def bare(messages: int) -> float:
    """Return CPU nanoseconds a row of the kernel alone, over the same rows in the same turns.

    The same rows, for the kernel is twice as fast over a few that stay in the cache.
    """
    rng = np.random.default_rng(0)
    detectors = [NEWMA() for _ in range(KEYS)]
    used = 0.0
    for turn in range(messages):
        rows = [rng.normal(size=(ROWS, WIDTH)) for _ in range(KEYS)]
        start = time.process_time()
        for one, values in zip(detectors, rows, strict=True):
            one.score(values)
        if turn >= messages // 5:
            used += time.process_time() - start
    return used / ((messages - messages // 5) * KEYS * ROWS) * 1e9


def main() -> None:
    """Measure one worker and two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=400, help="of 1,000 rows, a key")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    alone: list[Passed] = []
    both: list[Passed] = []
    over = []
    with tempfile.TemporaryDirectory(prefix="streamlyt-bench-") as folder:
        broker = Broker(Path(folder) / "broker", 0)
        broker.start()
        try:
            servers, pid = broker.servers["PLAINTEXT"], broker.pid
            assert pid is not None
            fill(servers, asked.messages)
            for i in range(asked.repeats):
                kernel = bare(asked.messages // 4)
                for workers, passed in ((1, alone), (2, both)):
                    group = f"g{workers}-{i}"
                    passed.append(
                        pass_over(servers, Path(folder), group, workers, asked.messages, pid)
                    )
                    say(f"{workers} workers: {passed[-1]}, kernel {kernel:.0f} ns")
                over.append(100 * (alone[-1].ns / kernel - 1))
        finally:
            broker.kill()
    case = f"messages of {ROWS:,} rows"
    record("cluster", f"one worker, {case}", [one.rate for one in alone], "rows/s")
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


if __name__ == "__main__":
    main()
