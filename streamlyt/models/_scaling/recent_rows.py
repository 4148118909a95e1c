"""The last rows, from which the scaling is taken, and when it is taken anew."""

import numpy as np

from streamlyt.core import Array, Floats

from .quantile_scaler import outside

__all__ = ["KEPT", "due", "fresh", "in_order", "put", "room"]

KEPT = 256  # rows: enough for quantiles to a few per cent
_OUTSIDE = 0.5  # share of the kept rows beyond the quantiles at which these are taken anew


def fresh(d: int) -> dict[str, Array]:
    """Return the memory of no row yet, of d columns."""
    return {"kept": np.zeros((KEPT, d)), "seen": np.zeros(1, dtype=np.int64)}


def room(seen: int) -> int:
    """Return how many rows may come before the scaling is looked at: to 1, 2, 4, ... 256, 512."""
    if seen >= KEPT:
        return KEPT - seen % KEPT
    return max(1, (1 << seen.bit_length()) - seen) if seen else 1


def put(memory: dict[str, Array], rows: Floats, **beside: Floats) -> int:
    """Keep rows, no more than there is room for, and what stands beside them; return how many came.

    ``beside``: arrays of the memory, as long as the kept rows, and their values for these rows.
    """
    seen = int(memory["seen"][0])
    at = slice(seen % KEPT, seen % KEPT + len(rows))
    memory["kept"][at] = rows
    for name, values in beside.items():
        memory[name][at] = values
    memory["seen"][0] = seen + len(rows)
    return seen + len(rows)


def due(memory: dict[str, Array]) -> int:
    """Return how many kept rows the scaling is to be taken from anew now, mostly none.

    That is when 1, 2, 4, ... 256 rows have come, and later where more than half of the last 256 lie
    beyond the quantiles of some column. They are in order: all only as the last place is taken.
    """
    seen = int(memory["seen"][0])
    if seen <= KEPT:
        return seen if seen & (seen - 1) == 0 else 0
    moved = seen % KEPT == 0 and outside(memory, memory["kept"]).max() > _OUTSIDE
    return KEPT if moved else 0


def in_order(memory: dict[str, Array], name: str = "kept") -> Array:
    """Return what is kept under a name, the oldest row first."""
    seen = int(memory["seen"][0])
    if seen <= KEPT:
        return memory[name][:seen]
    return np.roll(memory[name], -(seen % KEPT), axis=0)
