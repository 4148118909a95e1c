"""Slow twins of the windows, written from their definitions."""

import statistics
from collections.abc import Callable

import numpy as np

from streamlyt.core import Floats

OF = {
    "count": len,
    "sum": sum,
    "mean": statistics.fmean,
    "std": lambda known: statistics.stdev(known) if len(known) > 1 else np.nan,
    "min": min,
    "max": max,
}


def summary(rows: Floats, names: list[str]) -> list[float]:
    """Return the statistics of the rows of one window, channel by channel."""
    out = []
    for column in rows.T:
        known = [float(x) for x in column if np.isfinite(x)]
        out += [OF[name](known) if known or name == "count" else np.nan for name in names]
    return out


def windows(
    times: list[int], values: Floats, inside: Callable[[int, int], bool], ends: list[int], names
):
    """Return the time and the statistics of each window that has rows."""
    found = []
    for end in ends:
        rows = [i for i, t in enumerate(times) if inside(t, end)]
        if rows:
            found.append((end, summary(values[rows], names)))
    return found


def sessions(times: list[int], gap: int) -> list[list[int]]:
    """Return the rows of each session."""
    found = [[0]]
    for i in range(1, len(times)):
        if times[i] - times[i - 1] > gap:
            found.append([])
        found[-1].append(i)
    return found


def ordered(times: list[int], lateness: int, capacity: int):
    """Return the arrival indices of the rows in output order, and those of the late rows.

    The rows held back at the end are the third.
    """
    held: list[tuple[int, int]] = []
    out, late = [], []
    mark, newest = -(10**18), -(10**18)
    for i, t in enumerate(times):
        if t < mark:
            late.append(i)
            continue
        held.append((t, i))
        newest = max(newest, t)
        mark = max(mark, newest - lateness)
        while held and (min(held)[0] <= mark or len(held) > capacity):
            first = min(held)
            mark = max(mark, first[0])
            held.remove(first)
            out.append(first[1])
    return out, late, [i for _, i in sorted(held)]
