"""Which rows an operator left out: a bounded memory by which findings name rows of the source."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array

__all__ = ["came_from", "note"]

RUNS = 1024  # stretches of rows left out that are remembered one by one


def note(kept: Array, state: MutableMapping[str, Array]) -> None:
    """Remember which of the next rows go on.

    Parameters
    ----------
    kept
        Shape (n,), True where a row goes on.
    state
        ``left_out`` holds how many rows were given on, and how many left out. ``runs``, shape
        (r, 2), holds for each stretch of rows left out the number of the first row given on after
        it, and how many had been left out by then; the oldest are forgotten.
    """
    counts = state.setdefault("left_out", np.zeros(2, np.int64))
    runs = state.setdefault("runs", np.zeros((0, 2), np.int64))
    before = ~kept
    number = counts[0] + np.cumsum(kept)  # of the next row given on
    total = counts[1] + np.cumsum(before)
    found = np.column_stack([number[before], total[before]])
    if len(found):
        # Rows side by side are one stretch: its last row knows the whole.
        joined = np.concatenate([runs, found])
        last = np.append(joined[1:, 0] != joined[:-1, 0], True)
        state["runs"] = joined[last][-RUNS:]
    state["left_out"] = counts + np.array([kept.sum(), before.sum()])


def came_from(index: int, state: MutableMapping[str, Array]) -> int:
    """Return the number, among all rows, of the row that was given on as number ``index``."""
    if "runs" not in state or not len(state["runs"]):
        return index
    runs = state["runs"]
    at = int(np.searchsorted(runs[:, 0], index, side="right")) - 1
    if at < 0:
        # Before the oldest stretch that is remembered: as many were left out as before that one.
        return index + (int(runs[0, 1]) - 1 if len(runs) == RUNS else 0)
    return index + int(runs[at, 1])
