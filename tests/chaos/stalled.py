"""A daemon whose sink stalls while ten times the rows arrive, and then recovers."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamlyt.connectors import KafkaSink
from streamlyt.core import Batch, Schema
from tests._public_api import ROOT
from tests._waiting import HAPPENS_S, wait_for
from tests.connectors.kafka.topics import new_topic
from tests.engines.daemon.serving import Served

RATE = 2000  # rows per second before the stall
TIMES = 10
EACH = 200  # rows per message
QUEUE_MB = 4.0
NAMES = [f"x{i}" for i in range(8)]

FILE = """
[source]
type = "kafka"
topic = "{topic}"
columns = {names}
bootstrap_servers = "{servers}"
codec = "arrow"
time_column = "time"
time_unit = "ns"
group_id = "g-{topic}"
group_instance_id = "one"
session_timeout_s = 6.0
max_poll_records = 20

[[sinks]]
type = "stalling"
gate = "{gate}"

[serve]
store_rows = false
prefetch_mb = {queue}
"""

CODE = (
    "import streamlyt.connectors as package; "
    f"package.__path__.append({str(ROOT / 'tests' / 'chaos' / 'sinks')!r}); "
    "from streamlyt.cli import main; main()"
)


@dataclass
class Stall:
    """Results of a stall.

    Parameters
    ----------
    sent, taken
        Rows written to the topic, and rows that the daemon had consumed at the end.
    held_mb
        Most megabytes of rows in the queue, which may hold ``QUEUE_MB`` and one batch.
    grown_mb
        Growth of the resident memory during the stall.
    lag
        Largest reported lag.
    waiting
        Messages in the topic and not yet read at the end of the stall.
    drained_s
        Seconds from the end of the stall until all rows were consumed.
    """

    sent: int = 0
    taken: int = 0
    held_mb: float = 0.0
    grown_mb: float = 0.0
    lag: int = 0
    waiting: int = 0
    drained_s: float = 0.0


def stalled(seconds, broker, folder):
    """Stall the sink for a time; return the results.

    On a machine too slow for the rate the stall is longer, until all its rows are sent.
    """
    servers = broker.servers["PLAINTEXT"]
    topic, gate = new_topic(servers), folder / "stalled"
    file = folder / "one.toml"
    names = str(NAMES).replace("'", '"')
    file.write_text(
        FILE.format(topic=topic, names=names, servers=servers, gate=gate, queue=QUEUE_MB)
    )
    sink = KafkaSink(topic, bootstrap_servers=servers, codec="arrow", rows_per_message=EACH)
    found = Stall()
    with Served(file, code=CODE) as one:
        _put(sink, found, RATE, 2.0)
        one.until_metric("rows_total", found.sent)
        before = _resident_mb(one.process.pid)
        gate.touch()
        enough = found.sent + seconds * TIMES * RATE

        def look():
            found.held_mb = max(found.held_mb, one.metric("prefetch_queue_bytes") / 1e6)
            found.lag = max(found.lag, int(one.metric("consumer_lag_messages") or 0))
            found.grown_mb = max(found.grown_mb, _resident_mb(one.process.pid) - before)

        def lag_is_reported():
            look()
            left = found.sent - one.metric("rows_total") - one.metric("prefetch_queue_rows")
            found.waiting = int(left) // EACH
            # Rows that are read and not yet in the queue are in neither number.
            return found.lag >= found.waiting / 2

        while found.sent < enough:
            _put(sink, found, TIMES * RATE, 0.5)
            look()
        # The lag is polled once a second.
        wait_for(
            lag_is_reported,
            HAPPENS_S,
            lambda: f"half of {found.waiting} messages are reported: {found}",
        )
        gate.unlink()
        began = time.monotonic()
        one.until_metric("rows_total", found.sent, 120)
        found.drained_s = time.monotonic() - began
        found.grown_mb = max(found.grown_mb, _resident_mb(one.process.pid) - before)
        found.taken = int(one.metric("rows_total"))
        assert one.end() == 0, one.lines
    sink.close()
    return found


def _put(sink, found, rate, seconds):
    """Write rows at a rate for a time."""
    rng = np.random.default_rng(found.sent)
    schema = Schema.of(*NAMES, time_unit="ns")
    due, end = time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < end:
        times = np.full(EACH, time.time_ns())
        sink.write_rows(Batch("pump", times, rng.normal(size=(EACH, len(NAMES))), schema))
        found.sent += EACH
        due += EACH / rate
        time.sleep(max(0.0, due - time.monotonic()))
    sink.flush()


def _resident_mb(pid):
    """Return the resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
