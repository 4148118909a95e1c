"""The last targets of each group of rows, and the column whose values name the groups."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.group_history import follow_groups

__all__ = ["NONE", "find_group_column", "fresh", "last_targets"]

NONE = -1  # the column where none names groups
_MOST = 256  # groups that are remembered
_FEWEST = 32  # rows in which groups can be seen
_BETTER = 0.9  # share of the spread of what else is known: what steps in a group have at most


def fresh() -> dict[str, Array]:
    """Return the memory before the first row."""
    return {
        "group_known": np.zeros(_MOST),
        "group_lasts": np.zeros((_MOST, 2)),
        "group_turns": np.zeros(_MOST, dtype=np.int64),
        "group_counts": np.zeros(2, dtype=np.int64),
    }


def last_targets(
    memory: dict[str, Array], keys: Floats, others: Floats, targets: Floats | None = None
) -> Floats:
    """Return the last target of each row's group and its step to there, shape (n, 2).

    ``others`` stand where a group is new. With targets, each row is learnt when it was looked up.
    """
    out = np.empty((len(keys), 2))
    follow_groups(
        np.ascontiguousarray(keys),
        others if targets is None else targets,
        np.ascontiguousarray(others),
        targets is not None,
        memory["group_known"],
        memory["group_lasts"],
        memory["group_turns"],
        memory["group_counts"],
        out,
    )
    return out


def find_group_column(rows: Floats, targets: Floats, before: Floats) -> int:
    """Return the column of rows (n, d) whose values name groups, or ``NONE``.

    Its values come twice or more on the average, none of them in most rows; and where a row's group
    was met before, the step from the group's last target spreads less than both the step from the
    last target of all, ``before`` (n,), and the targets themselves.
    """
    found, best = NONE, _BETTER
    for j in range(rows.shape[1]):
        known = rows[~np.isnan(rows[:, j]), j]
        times = np.unique(known, return_counts=True)[1]
        if len(known) < _FEWEST or len(times) > len(known) / 2 or times.max() > len(known) / 2:
            continue
        nowhere = np.full(len(rows), np.nan)  # stands where the group is new
        of_group = last_targets(fresh(), rows[:, j], nowhere, targets)[:, 0]
        met = ~np.isnan(of_group)
        wanted = targets[met]
        others = min(_spread(wanted - before[met]), _spread(wanted))
        share = _spread(wanted - of_group[met]) / others if others else 1.0
        if share < best:
            best, found = share, j
    return found


def _spread(values: Floats) -> float:
    return float(np.abs(values - np.median(values)).mean())
