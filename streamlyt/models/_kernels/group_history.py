"""Compiled loop of the last targets of each group of rows: an animal, a machine, a customer."""

from streamlyt.core import Array
from streamlyt.core.numerics.jit import jit

__all__ = ["follow_groups"]


@jit()
def follow_groups(
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
    """Fill ``out`` (n, 2): the last target in the group of each row, and its step to there.

    ``known`` (size,) are the values that name the groups, ``lasts`` (size, 2) their last target and
    the one before, ``turns`` the row in which each was met last; ``counts``: groups known, rows
    learnt. A group that was never met, and a row that names none (NaN), has the target ``others``
    (n,) and no step. A new group takes the place of the one that was not met for longest.
    """
    size = known.size
    for i in range(keys.size):
        key, at = keys[i], -1
        for s in range(counts[0]):
            if known[s] == key:
                at = s
        out[i, 0], out[i, 1] = others[i], 0.0
        if at >= 0:
            out[i, 0], out[i, 1] = lasts[at, 0], lasts[at, 0] - lasts[at, 1]
        if not learn:
            continue
        if at < 0 and key == key:
            if counts[0] < size:
                at = counts[0]
                counts[0] += 1
            else:
                at = 0
                for s in range(size):
                    if turns[s] < turns[at]:
                        at = s
            known[at] = key
            lasts[at, 0] = targets[i]
        if at >= 0:
            lasts[at, 1] = lasts[at, 0]
            lasts[at, 0] = targets[i]
            turns[at] = counts[1]
        counts[1] += 1
