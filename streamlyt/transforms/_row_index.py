"""Bounded record of dropped rows, which maps output rows to input rows."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array

__all__ = ["input_index", "record_rows"]

MAX_RUNS = 1024  # recorded runs of consecutive dropped rows


def record_rows(kept: Array, state: MutableMapping[str, Array]) -> None:
    """Record which of the next rows are emitted.

    Parameters
    ----------
    kept
        Shape (n,), True for emitted rows.
    state
        ``left_out`` holds the numbers of emitted and of dropped rows. ``runs``, shape (r, 2),
        holds for each run of dropped rows the index of the next emitted row, and the number of
        rows dropped so far; the oldest runs are discarded.
    """
    counts = state.setdefault("left_out", np.zeros(2, np.int64))
    runs = state.setdefault("runs", np.zeros((0, 2), np.int64))
    dropped = ~kept
    number = counts[0] + np.cumsum(kept)  # index of the next emitted row
    total = counts[1] + np.cumsum(dropped)
    new = np.column_stack([number[dropped], total[dropped]])
    if len(new):
        # Consecutive dropped rows form one run: its last row has the total.
        joined = np.concatenate([runs, new])
        last = np.append(joined[1:, 0] != joined[:-1, 0], True)
        state["runs"] = joined[last][-MAX_RUNS:]
    state["left_out"] = counts + np.array([kept.sum(), dropped.sum()])


def input_index(index: int, state: MutableMapping[str, Array]) -> int:
    """Return the input row of the emitted row ``index``."""
    if "runs" not in state or not len(state["runs"]):
        return index
    runs = state["runs"]
    run = int(np.searchsorted(runs[:, 0], index, side="right")) - 1
    if run < 0:
        # Before the oldest recorded run: use the number of rows dropped before it.
        return index + (int(runs[0, 1]) - 1 if len(runs) == MAX_RUNS else 0)
    return index + int(runs[run, 1])
