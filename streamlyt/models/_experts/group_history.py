"""Last targets of each group of rows, and the detection of the column that names the groups."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.models._kernels.group_history import group_targets

__all__ = ["NONE", "find_group_column", "initial_state", "last_targets"]

NONE = -1  # no column names groups
_MAX_GROUPS = 256
_MIN_ROWS = 32  # needed to detect groups
_BETTER = 0.9  # maximum spread of the steps within groups, relative to the alternatives


def initial_state() -> dict[str, Array]:
    """Return the initial state."""
    return {
        "group_known": np.zeros(_MAX_GROUPS),
        "group_lasts": np.zeros((_MAX_GROUPS, 2)),
        "group_turns": np.zeros(_MAX_GROUPS, dtype=np.int64),
        "group_counts": np.zeros(2, dtype=np.int64),
    }


def last_targets(
    state: dict[str, Array], keys: Floats, others: Floats, targets: Floats | None = None
) -> Floats:
    """Return the last target of each row's group and the last step of the group, shape (n, 2).

    ``others`` are used for new groups. With targets, each row is learned after its lookup.
    """
    out = np.empty((len(keys), 2))
    group_targets(
        np.ascontiguousarray(keys),
        others if targets is None else targets,
        np.ascontiguousarray(others),
        targets is not None,
        state["group_known"],
        state["group_lasts"],
        state["group_turns"],
        state["group_counts"],
        out,
    )
    return out


def find_group_column(rows: Floats, targets: Floats, before: Floats) -> int:
    """Return the column of rows (n, d) whose values name groups, or ``NONE``.

    Its values occur at least twice on average, none of them in most rows. For rows of a known
    group, the step from the group's last target spreads less than both the step from the last
    target of all rows, ``before`` (n,), and the targets themselves.
    """
    column, best = NONE, _BETTER
    for j in range(rows.shape[1]):
        known = rows[~np.isnan(rows[:, j]), j]
        times = np.unique(known, return_counts=True)[1]
        if len(known) < _MIN_ROWS or len(times) > len(known) / 2 or times.max() > len(known) / 2:
            continue
        unknown = np.full(len(rows), np.nan)  # value for new groups
        of_group = last_targets(initial_state(), rows[:, j], unknown, targets)[:, 0]
        known_group = ~np.isnan(of_group)
        observed = targets[known_group]
        others = min(_spread(observed - before[known_group]), _spread(observed))
        ratio = _spread(observed - of_group[known_group]) / others if others else 1.0
        if ratio < best:
            best, column = ratio, j
    return column


def _spread(values: Floats) -> float:
    return float(np.abs(values - np.median(values)).mean())
