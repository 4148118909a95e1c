"""Compiled loop of the last targets of each group of rows, such as an animal or a machine."""

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["group_targets"]


@jit()
def group_targets(
    keys: Array,
    targets: Array,
    others: Array,
    learn: bool,
    known: Array,
    lasts: Array,
    turns: Array,
    counts: Array,
    out: Array,
) -> None:
    """Fill ``out`` (n, 2) with the last target of each row's group, and the last step of the group.

    ``known`` (size,): values that name the groups; ``lasts`` (size, 2): their last target and the
    one before; ``turns``: the last row of each group; ``counts``: known groups, learned rows. A row
    of a new group, or of none (NaN), gets the target ``others`` (n,) and no step. A new group
    replaces the least recently used one.
    """
    size = known.size
    for i in range(keys.size):
        key, slot = keys[i], -1
        for s in range(counts[0]):
            if known[s] == key:
                slot = s
        out[i, 0], out[i, 1] = others[i], 0.0
        if slot >= 0:
            out[i, 0], out[i, 1] = lasts[slot, 0], lasts[slot, 0] - lasts[slot, 1]
        if not learn:
            continue
        if slot < 0 and key == key:
            if counts[0] < size:
                slot = counts[0]
                counts[0] += 1
            else:
                slot = 0
                for s in range(size):
                    if turns[s] < turns[slot]:
                        slot = s
            known[slot] = key
            lasts[slot, 0] = targets[i]
        if slot >= 0:
            lasts[slot, 1] = lasts[slot, 0]
            lasts[slot, 0] = targets[i]
            turns[slot] = counts[1]
        counts[1] += 1
