"""The last rows, to which the scaling is fitted, and the schedule of refits."""

import numpy as np

from streamlyt.core import Array, Floats

from .quantile_scaler import fraction_outside

__all__ = ["KEPT", "in_order", "initial_state", "rows_to_refit", "rows_until_check", "store_rows"]

KEPT = 256  # rows; determine quantiles to a few percent
_OUTSIDE = 0.5  # fraction of the stored rows beyond the quantiles that triggers a refit


def initial_state(d: int) -> dict[str, Array]:
    """Return the initial state for d columns."""
    return {"kept": np.zeros((KEPT, d)), "seen": np.zeros(1, dtype=np.int64)}


def rows_until_check(seen: int) -> int:
    """Return the rows until the next check of the scaling, at 1, 2, 4, ... 256, 512, ... rows."""
    if seen >= KEPT:
        return KEPT - seen % KEPT
    return max(1, (1 << seen.bit_length()) - seen) if seen else 1


def store_rows(state: dict[str, Array], rows: Floats, **parallel: Floats) -> int:
    """Store rows, at most up to the next check, and parallel values; return the rows so far.

    ``parallel``: names of arrays of the state with one entry per stored row, and the new values.
    """
    seen = int(state["seen"][0])
    stored = slice(seen % KEPT, seen % KEPT + len(rows))
    state["kept"][stored] = rows
    for name, values in parallel.items():
        state[name][stored] = values
    state["seen"][0] = seen + len(rows)
    return seen + len(rows)


def rows_to_refit(state: dict[str, Array]) -> int:
    """Return the number of stored rows to refit the scaling to, mostly 0.

    A refit is due after 1, 2, 4, ... 256 rows, and later if more than half of the last 256 rows lie
    beyond the quantiles of some column. The stored rows are in order at these moments.
    """
    seen = int(state["seen"][0])
    if seen <= KEPT:
        return seen if seen & (seen - 1) == 0 else 0
    moved = seen % KEPT == 0 and fraction_outside(state, state["kept"]).max() > _OUTSIDE
    return KEPT if moved else 0


def in_order(state: dict[str, Array], name: str = "kept") -> Array:
    """Return a stored array, oldest row first."""
    seen = int(state["seen"][0])
    if seen <= KEPT:
        return state[name][:seen]
    return np.roll(state[name], -(seen % KEPT), axis=0)
