"""From a statistic and its threshold to alarms: persistence, hysteresis, joining."""

from dataclasses import dataclass

import numpy as np

from streamlyt.core.errors import ParameterError
from streamlyt.core.numerics.arrays import Array

from ._kernels import LAST_ALARM_ROW, apply_alarm_policy

__all__ = ["AlarmPolicy"]


@dataclass(frozen=True)
class AlarmPolicy:
    """When a crossing is an alarm: one change, one event.

    A row is *hot* once the statistic has stood above the threshold for ``persistence`` rows on
    end; it stays hot until the statistic falls below ``release`` times the threshold. A spell
    that begins at most ``join`` rows after the last hot row belongs to the event before it.

    Parameters
    ----------
    min_consecutive
        Rows above the threshold before the alarm, at least 1.
    release_ratio
        Fraction of the threshold below which the alarm ends, in (0, 1].
    merge_gap
        Rows within which a new spell is still the same event, at least 0.

    Raises
    ------
    ParameterError
        If one of them is out of its range.

    Examples
    --------
    >>> policy = AlarmPolicy(min_consecutive=2)
    >>> memory = policy.initial_state()
    >>> policy.apply(np.array([0.0, 2, 2, 0.7, 0.3]), np.ones(5), memory)
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
        """Return the memory before the first row (five integers)."""
        return np.array([0, 0, 0, -1, 0], dtype=np.int64)

    @staticmethod
    def last_alarm_row(memory: Array) -> int:
        """Return the last row at which an alarm stood, counted from the first ever; -1: none."""
        return int(memory[LAST_ALARM_ROW])

    def apply(
        self, statistic: Array, threshold: Array, memory: Array
    ) -> tuple[Array, list[tuple[int, int]]]:
        """Absorb rows; ``memory`` goes on from call to call.

        Returns
        -------
        hot
            1.0 where the alarm stands, shape (n,).
        onsets
            For each new event the row of its alarm within these rows, and the absolute row (since
            the first row ever) at which the statistic had crossed the threshold.
        """
        hot = np.empty(statistic.size)
        onsets = np.empty((statistic.size, 2), dtype=np.int64)
        n = apply_alarm_policy(
            statistic,
            threshold,
            memory,
            self.min_consecutive,
            self.release_ratio,
            self.merge_gap,
            hot,
            onsets,
        )
        return hot, [(int(row), int(crossed)) for row, crossed in onsets[:n]]
