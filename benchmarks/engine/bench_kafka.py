"""Throughput of the Kafka source, the codecs and NEWMA, compared with the raw client."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # CPU seconds count threads that spin

import msgspec
import numpy as np
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from benchmarks._results import record
from streamlyt.codecs import MessageRows
from streamlyt.connectors import KafkaSink, KafkaSource
from streamlyt.connectors.kafka.broker import LocalBroker
from streamlyt.core import Batch, Schema
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.registry import get_component

WIDTH = 8
NAMES = [f"x{i}" for i in range(WIDTH)]
SCHEMA = Schema.of(*NAMES, time_unit="ns")
ARROW_ROWS = 1024  # 64 kB of eight channels
QUEUE_BYTES = 64 * 10**6  # read ahead, as by default in a daemon


def rows(n: int) -> Batch:
    """Return noise of eight channels."""
    values = np.random.default_rng(0).normal(size=(n, WIDTH))
    return Batch("pump", np.arange(n) * 10**6, values, SCHEMA)


def filled(servers: str, codec: str, n: int) -> str:
    """Write rows into a new topic, and return its name."""
    topic = f"{codec}-{time.time_ns()}"
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    sink = KafkaSink(topic, bootstrap_servers=servers, codec=codec)
    sink.write_rows(rows(n))
    sink.close()
    return topic


def raw(servers: str, topic: str) -> int:
    """Read all messages with the client alone, as the source asks it to; return how many."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_poll_records=2000,
    )
    part = TopicPartition(topic, 0)
    consumer.assign([part])
    consumer.seek_to_beginning(part)
    end, n = consumer.end_offsets([part])[part], 0
    while n < end:
        for records in consumer.poll(500, max_records=2000).values():
            n += len(records)
    consumer.close()
    return n


def source(servers: str, topic: str, codec: str) -> KafkaSource:
    """Return the source of a topic, read once."""
    return KafkaSource(
        topic,
        NAMES,
        bootstrap_servers=servers,
        codec=codec,
        time_column="time",
        time_unit="ns",
        follow=False,
    )


def decoded(servers: str, topic: str, codec: str) -> int:
    """Consume and decode; return how many rows there were."""
    one = source(servers, topic, codec)
    n = sum(batch.n_rows for batch, _ in one.read())
    one.close()
    return n


def detected(servers: str, topic: str, codec: str) -> float:
    """Consume, decode and detect as a daemon does; return the CPU seconds of the busier thread.

    One thread reads ahead, the other detects: on two free cores it takes as long as the busier.
    """
    one = source(servers, topic, codec)
    engine = LocalEngine(one, Pipeline([NEWMA()]), prefetch_bytes=QUEUE_BYTES)
    start, own = time.process_time(), time.thread_time()
    engine.run()
    all_of_it, detecting = time.process_time() - start, time.thread_time() - own
    one.close()
    return max(detecting, all_of_it - detecting)


def kernel(n: int) -> Callable[[], object]:
    """Return the bare kernel over as many rows, in parts as large as a message."""
    values = rows(n).values
    detector = NEWMA()
    detector.score(values[:ARROW_ROWS])
    return lambda: [detector.score(values[i : i + ARROW_ROWS]) for i in range(0, n, ARROW_ROWS)]


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process: those of the broker are another's."""
    start = time.process_time()
    work()
    return time.process_time() - start


def shares(servers: str, codec: str, n: int, repeats: int, goal: str) -> None:
    """Record rates relative to the raw client, in turn, so that slow minutes affect all."""
    topic = filled(servers, codec, n)
    bare = kernel(n)
    read: list[float] = []
    found: list[float] = []
    rates: list[float] = []
    raw(servers, topic), decoded(servers, topic, codec)  # warm
    for _ in range(repeats):
        plain = seconds(lambda: raw(servers, topic))
        ours = seconds(lambda: decoded(servers, topic, codec))
        read.append(100 * plain / ours)
        rates.append(n / ours)
        if codec == "arrow":
            slower = max(plain, seconds(bare))
            found.append(100 * slower / detected(servers, topic, codec))
    what = f"{codec}, {'64 kB' if codec == 'arrow' else 'a row'} a message"
    record(
        "kafka",
        f"{what}: consume and decode over the raw client",
        read,
        "%",
        goal=goal,
        rows_a_cpu_second=round(float(np.median(rates))),
    )
    if codec == "arrow":
        record(
            "kafka",
            f"{what}: with NEWMA, read ahead, over the slower of raw client and bare kernel",
            found,
            "%",
            goal="at least 80",
        )


def decoding(repeats: int) -> None:
    """Record the rows per second of the JSON codec alone, and of a bare parser.

    The parser checks the types of the fields and makes an object a row, and no more.
    """
    codec = get_component("codecs", "json")(columns=NAMES, time="time", time_unit="ns")
    batch = rows(20_000)
    messages = [
        codec.encode(MessageRows(batch.values[i : i + 1], batch.times[i : i + 1]))
        for i in range(batch.n_rows)
    ]
    fields = [*((name, float | None) for name in NAMES), ("time", int | float | str)]
    parse = msgspec.json.Decoder(msgspec.defstruct("Row", fields, gc=False)).decode
    codec.decode_all(messages), list(map(parse, messages))  # warm
    rates: list[float] = []
    beside: list[float] = []
    for _ in range(repeats):
        bare = seconds(lambda: list(map(parse, messages)))
        ours = seconds(lambda: codec.decode_all(messages))
        rates.append(batch.n_rows / ours / 1000)
        beside.append(100 * bare / ours)
    what = "json, a row a message: decoding alone"
    record("kafka", what, rates, "thousand rows/s", goal="at least 500")
    record("kafka", f"{what} over a bare parser", beside, "%")


def main() -> None:
    """Measure all on a broker of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    decoding(asked.repeats)
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(Path(folder), 0, ("PLAINTEXT",))
        broker.start()
        try:
            servers = broker.servers["PLAINTEXT"]
            shares(servers, "arrow", 1000 * ARROW_ROWS, asked.repeats, "at least 80")
            shares(servers, "json", 100_000, asked.repeats, "at least 80")
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
