"""Compiled loops of the core: the alarm machine and the ring of chunk sums."""

from streamlyt.core.numerics.arrays import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["LAST_ALARM_ROW", "add_rows", "apply_alarm_policy", "beyond"]

# Slots of the alarm machine's memory (int64): row at which the statistic crossed, rows it has stood
# above since, 1 while the alarm stands, last row of an alarm, number of the next row.
CROSSED, ABOVE, HOT, LAST_ALARM_ROW, ROW = range(5)

LARGEST = 1e140  # in units of a channel's first value: the sums of its square are still numbers


@jit()
def apply_alarm_policy(
    statistic: Array,
    threshold: Array,
    memory: Array,
    persistence: int,
    release: float,
    join: int,
    hot: Array,
    onsets: Array,
) -> int:
    """Walk the alarm machine over rows; see :class:`streamlyt.core._detection.alarms.AlarmPolicy`.

    ``hot`` (n,) receives 0 or 1; each row of ``onsets`` (n, 2) the row of an alarm within these
    rows and the absolute row at which the statistic had crossed. Returns how many there are.
    """
    found = 0
    for i in range(statistic.size):
        row = memory[ROW]
        above = statistic[i] > threshold[i]
        if above and memory[ABOVE] == 0:
            memory[CROSSED] = row
        memory[ABOVE] = memory[ABOVE] + 1 if above else 0
        if memory[HOT] == 1:
            memory[HOT] = 1 if statistic[i] >= release * threshold[i] else 0
        elif memory[ABOVE] >= persistence:
            memory[HOT] = 1
            if memory[LAST_ALARM_ROW] < 0 or row - memory[LAST_ALARM_ROW] > join:
                onsets[found, 0] = i
                onsets[found, 1] = memory[CROSSED]
                found += 1
        if memory[HOT] == 1:
            memory[LAST_ALARM_ROW] = row
        hot[i] = memory[HOT]
        memory[ROW] = row + 1
    return found


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
    """Add rows, the first one numbered ``row``, to a ring of chunk sums.

    ``sums`` and ``squares`` (slots, d) hold sum and sum of squares of ``values * unit - origin`` of
    each chunk of ``chunk`` rows, ``counts`` (slots,) its rows, ``first_times`` (slots,) the time of
    its first row; the slot of a new chunk is emptied first.
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
def beyond(values: Array, largest: float) -> bool:
    """Return whether a value (n, d) is further from zero than ``largest``; a hole (NaN) is not."""
    n, d = values.shape
    for i in range(n):
        for j in range(d):
            if abs(values[i, j]) > largest:
                return True
    return False
