"""From a statistic and its threshold to alarms: persistence, hysteresis, merging."""

from dataclasses import dataclass

import numpy as np

from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.arrays import Array

from ._kernels import LAST_ALARM_ROW, apply_alarm_policy

__all__ = ["AlarmPolicy"]


@dataclass(frozen=True)
class AlarmPolicy:
    """Conditions under which threshold crossings become alarms: one event for each change.

    The detector is *in alarm* once the statistic has exceeded the threshold for
    ``min_consecutive`` consecutive rows, until it falls below ``release_ratio`` times the
    threshold. An alarm that starts at most ``merge_gap`` rows after the last row in alarm belongs
    to the previous event.

    Parameters
    ----------
    min_consecutive
        Consecutive rows above the threshold before the alarm, at least 1.
    release_ratio
        Fraction of the threshold below which the alarm ends, in (0, 1].
    merge_gap
        Rows within which a new alarm still belongs to the previous event, at least 0.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    Examples
    --------
    >>> policy = AlarmPolicy(min_consecutive=2)
    >>> state = policy.initial_state()
    >>> policy.apply(np.array([0.0, 2, 2, 0.7, 0.3]), np.ones(5), state)
    (array([0., 0., 1., 1., 0.]), [(2, 1)])
    """

    min_consecutive: int = 1
    release_ratio: float = 0.5
    merge_gap: int = 0

    def __post_init__(self) -> None:
        if self.min_consecutive < 1:
            raise ParameterError(
                f"min_consecutive must be at least 1 row, got {self.min_consecutive!r}"
            )
        if not 0 < self.release_ratio <= 1:
            raise ParameterError(f"release_ratio must be in (0, 1], got {self.release_ratio!r}")
        if self.merge_gap < 0:
            raise ParameterError(f"merge_gap must be at least 0 rows, got {self.merge_gap!r}")

    def initial_state(self) -> Array:
        """Return the state before the first row (five integers)."""
        return np.array([0, 0, 0, -1, 0], dtype=np.int64)

    @staticmethod
    def last_alarm_row(state: Array) -> int:
        """Return the last row in alarm, counted from the first row ever; -1 if none."""
        return int(state[LAST_ALARM_ROW])

    def apply(
        self, statistic: Array, threshold: Array, state: Array
    ) -> tuple[Array, list[tuple[int, int]]]:
        """Process rows and update ``state`` in place.

        Returns
        -------
        in_alarm
            1.0 for rows in alarm, shape (n,).
        onsets
            For each new event the index of its alarm within these rows, and the absolute row (from
            the first row ever) of the threshold crossing.
        """
        in_alarm = np.empty(statistic.size)
        onsets = np.empty((statistic.size, 2), dtype=np.int64)
        n = apply_alarm_policy(
            statistic,
            threshold,
            state,
            self.min_consecutive,
            self.release_ratio,
            self.merge_gap,
            in_alarm,
            onsets,
        )
        return in_alarm, [(int(row), int(crossed)) for row, crossed in onsets[:n]]
