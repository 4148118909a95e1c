"""Feed a detector a few rows at a time, as they arrive from a sensor."""

import numpy as np

from streamlyt import Batch, Schema
from streamlyt.detectors import MultiscaleNEWMA

schema = Schema.of("heat", "flow", "noise")
rng = np.random.default_rng(0)
detector = MultiscaleNEWMA()

row = np.zeros(3)
for start in range(0, 6000, 8):
    rows = np.empty((8, 3))
    for i in range(8):  # autoregressive with coefficient 0.9
        row = rows[i] = 0.9 * row + rng.normal(size=3)
    rows[:, 1] += 8.0 * (start >= 4000)
    batch, events = detector.update(Batch("pump 7", np.arange(start, start + 8), rows, schema))
    for event in events:
        print(f"{event.key}: {event.channels[0]} changed at row {event.change_index}")
