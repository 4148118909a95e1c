"""A pump of three sensors, live into Kafka: a thousand rows a second, and a change at row 4,000.

Run it beside ``streamlyt serve examples/live.toml``; the address of the broker may be given.
"""

import sys
import time

import numpy as np

from streamlyt.connectors import KafkaSink
from streamlyt.core import Batch, Schema

ROWS, CHANGE, EACH = 6000, 4000, 100

values = np.random.default_rng(1).normal(size=(ROWS, 3))
values[CHANGE:, 1] += 1.5
sink = KafkaSink("sensors", servers=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9092")
schema = Schema.of("x", "y", "z", time_unit="ns")
for start in range(0, ROWS, EACH):
    times = time.time_ns() + np.arange(EACH) * 1_000_000
    sink.write(Batch("pump", times, values[start : start + EACH], schema))
    sink.flush()
    time.sleep(EACH / 1000)
sink.close()
print(f"{ROWS} rows written; the mean of y changed at row {CHANGE}")
