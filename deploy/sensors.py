"""Write a pump of three sensors to Kafka: a thousand rows per second, a change at row 4,000.

Run it next to ``streamlyt serve examples/live.toml``; the argument is the address of the broker.
"""

import sys
import time

import numpy as np

from streamlyt.connectors import KafkaSink
from streamlyt.core import Batch, Schema

ROWS, CHANGE, BATCH_ROWS = 6000, 4000, 100

values = np.random.default_rng(1).normal(size=(ROWS, 3))
values[CHANGE:, 1] += 1.5
sink = KafkaSink(
    "sensors", bootstrap_servers=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092"
)
schema = Schema.of("x", "y", "z", time_unit="ns")
for start in range(0, ROWS, BATCH_ROWS):
    times = time.time_ns() + np.arange(BATCH_ROWS) * 1_000_000
    sink.write_rows(Batch("pump", times, values[start : start + BATCH_ROWS], schema))
    sink.flush()
    time.sleep(BATCH_ROWS / 1000)
sink.close()
print(f"{ROWS} rows written; the mean of y changed at row {CHANGE}")
