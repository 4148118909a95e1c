"""From a statistic and its threshold to alarms: persistence, hysteresis, joining."""

from dataclasses import dataclass

import numpy as np

from streamlyt._kernels import LAST_HOT, follow_rows
from streamlyt.base import Array
from streamlyt.errors import ParameterError

__all__ = ["AlarmPolicy"]


@dataclass(frozen=True)
class AlarmPolicy:
    """When a crossing is an alarm: one change, one event.

    A row is *hot* once the statistic has stood above the threshold for ``persistence`` rows on
    end; it stays hot until the statistic falls below ``release`` times the threshold. A spell
    that begins at most ``join`` rows after the last hot row belongs to the event before it.

    Parameters
    ----------
    persistence
        Rows above the threshold before the alarm, at least 1.
    release
        Fraction of the threshold below which the alarm ends, in (0, 1].
    join
        Rows within which a new spell is still the same event, at least 0.

    Raises
    ------
    ParameterError
        If one of them is out of its range.

    Examples
    --------
    >>> policy = AlarmPolicy(persistence=2)
    >>> memory = policy.start()
    >>> policy.follow(np.array([0.0, 2, 2, 0.7, 0.3]), np.ones(5), memory)
    (array([0., 0., 1., 1., 0.]), [(2, 1)])
    """

    persistence: int = 1
    release: float = 0.5
    join: int = 0

    def __post_init__(self) -> None:
        if self.persistence < 1:
            raise ParameterError(f"persistence must be at least 1 row, got {self.persistence!r}")
        if not 0 < self.release <= 1:
            raise ParameterError(f"release must be in (0, 1], got {self.release!r}")
        if self.join < 0:
            raise ParameterError(f"join must be at least 0 rows, got {self.join!r}")

    def start(self) -> Array:
        """Return the memory before the first row (five integers)."""
        return np.array([0, 0, 0, -1, 0], dtype=np.int64)

    @staticmethod
    def last_hot(memory: Array) -> int:
        """Return the last row at which an alarm stood, counted from the first ever; -1: none."""
        return int(memory[LAST_HOT])

    def follow(
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
        n = follow_rows(
            statistic, threshold, memory, self.persistence, self.release, self.join, hot, onsets
        )
        return hot, [(int(row), int(crossed)) for row, crossed in onsets[:n]]
