"""Compiled loops of the core: the alarm state machine and the ring buffer of chunk sums."""

from streamlyt.core.numerics.arrays import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["LAST_ALARM_ROW", "add_rows", "apply_alarm_policy", "exceeds"]

# Entries of the alarm state (int64): row of the crossing, consecutive rows above the threshold, 1
# while in alarm, last row in alarm, number of the next row.
CROSSED, ABOVE, IN_ALARM, LAST_ALARM_ROW, ROW = range(5)

LARGEST = 1e140  # in units of a channel's first value: sums of squares stay finite


@jit()
def apply_alarm_policy(
    statistic: Array,
    threshold: Array,
    state: Array,
    persistence: int,
    release: float,
    join: int,
    in_alarm: Array,
    onsets: Array,
) -> int:
    """Run the alarm state machine over rows; see :class:`streamlyt.core.AlarmPolicy`.

    ``in_alarm`` (n,) receives 0 or 1. Each row of ``onsets`` (n, 2) receives the index of an alarm
    within these rows and the absolute row of the threshold crossing. Returns the number of alarms.
    """
    n_alarms = 0
    for i in range(statistic.size):
        row = state[ROW]
        above = statistic[i] > threshold[i]
        if above and state[ABOVE] == 0:
            state[CROSSED] = row
        state[ABOVE] = state[ABOVE] + 1 if above else 0
        if state[IN_ALARM] == 1:
            state[IN_ALARM] = 1 if statistic[i] >= release * threshold[i] else 0
        elif state[ABOVE] >= persistence:
            state[IN_ALARM] = 1
            if state[LAST_ALARM_ROW] < 0 or row - state[LAST_ALARM_ROW] > join:
                onsets[n_alarms, 0] = i
                onsets[n_alarms, 1] = state[CROSSED]
                n_alarms += 1
        if state[IN_ALARM] == 1:
            state[LAST_ALARM_ROW] = row
        in_alarm[i] = state[IN_ALARM]
        state[ROW] = row + 1
    return n_alarms


@jit()
def add_rows(
    values: Array,
    times: Array,
    unit: Array,
    origin: Array,
    sums: Array,
    squares: Array,
    counts: Array,
    first_times: Array,
    chunk: int,
    row: int,
) -> None:
    """Add rows, the first one numbered ``row``, to a ring buffer of chunk sums.

    ``sums`` and ``squares`` (slots, d) are the sums and sums of squares of ``values * unit -
    origin`` of each chunk of ``chunk`` rows, ``counts`` (slots,) its number of rows, and
    ``first_times`` (slots,) the time of its first row. A new chunk first clears its slot.
    """
    slots, width = sums.shape
    i = 0
    while i < values.shape[0]:
        slot, within = (row + i) // chunk % slots, (row + i) % chunk
        if within == 0:
            counts[slot] = 0
            first_times[slot] = times[i]
            sums[slot] = 0.0
            squares[slot] = 0.0
        stop = min(values.shape[0], i + chunk - within)
        counts[slot] += stop - i
        for k in range(i, stop):
            for j in range(width):
                x = min(max(values[k, j] * unit[j] - origin[j], -LARGEST), LARGEST)
                sums[slot, j] += x
                squares[slot, j] += x * x
        i = stop


@jit()
def exceeds(values: Array, largest: float) -> bool:
    """Return whether any of values (n, d) exceeds ``largest`` in magnitude; NaN does not."""
    n, d = values.shape
    for i in range(n):
        for j in range(d):
            if abs(values[i, j]) > largest:
                return True
    return False
