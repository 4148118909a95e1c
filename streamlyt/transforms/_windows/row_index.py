"""Bounded record that maps output rows to input rows, for the newest rows."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array

__all__ = ["input_row", "record_rows"]


def record_rows(origins: Array, state: MutableMapping[str, Array], max_rows: int) -> None:
    """Record the input rows of the next output rows.

    Parameters
    ----------
    origins
        Shape (n,), input row of each output row.
    state
        ``given`` counts the output rows; ``last`` holds the input rows of the newest ones.
    max_rows
        Number of newest rows to record, 8 bytes each.
    """
    state["given"] = state.get("given", np.zeros(1, np.int64)) + len(origins)
    last = state.get("last", np.zeros(0, np.int64))
    if len(origins):
        state["last"] = np.concatenate([last, origins])[-max_rows:].astype(np.int64)
    else:
        state["last"] = last


def input_row(index: int, state: MutableMapping[str, Array]) -> int:
    """Return the input row of the output row ``index``.

    For rows older than the record it is interpolated.
    """
    if "given" not in state or not len(state["last"]):
        return index
    last = state["last"]
    position = index - (int(state["given"][0]) - len(last))
    if position >= 0:
        return int(last[min(position, len(last) - 1)])
    return int(last[0]) * index // (index - position)
