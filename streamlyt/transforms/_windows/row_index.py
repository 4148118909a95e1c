"""Which row that came in stands behind a row that goes out: a memory of the last ones."""

from collections.abc import MutableMapping

import numpy as np

from streamlyt.core import Array

__all__ = ["note", "origin"]


def note(origins: Array, state: MutableMapping[str, Array], keep: int) -> None:
    """Remember where the next rows that go out came from.

    Parameters
    ----------
    origins
        Shape (n,), numbers of the rows that came in.
    state
        ``given`` counts the rows that went out; ``last`` holds where the newest came from.
    keep
        How many of the newest: 8 bytes each.
    """
    state["given"] = state.get("given", np.zeros(1, np.int64)) + len(origins)
    last = state.get("last", np.zeros(0, np.int64))
    if len(origins):
        state["last"] = np.concatenate([last, origins])[-keep:].astype(np.int64)
    else:
        state["last"] = last


def origin(index: int, state: MutableMapping[str, Array]) -> int:
    """Return where the row came from that went out as number ``index``.

    Of rows before those that are remembered it is in proportion.
    """
    if "given" not in state or not len(state["last"]):
        return index
    last = state["last"]
    place = index - (int(state["given"][0]) - len(last))
    if place >= 0:
        return int(last[min(place, len(last) - 1)])
    return int(last[0]) * index // (index - place)
