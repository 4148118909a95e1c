"""Retention of rows in the run file: the table ``[retention]`` of a pipeline file."""

from typing import Any

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError
from streamlyt.core.former_names import current_retention
from streamlyt.core.times import check_duration

__all__ = ["RetentionPolicy"]


class RetentionPolicy(Component):
    """Retention of rows in a run file. Events, states and positions are always kept.

    Rows are deleted by complete chunks (up to 4,096 rows of a series), the oldest first, and their
    space is released to the disk. More rows than the limits may stay: the last chunk of each
    series, and the rows that the last three checkpoints need. Row numbers do not change.

    Parameters
    ----------
    max_rows
        Number of last rows of each series to keep; None for all.
    max_age
        Maximum age of rows relative to the newest row of all series: a duration like ``"30d"``, or
        a number in the unit of their times; applies to late rows and dead letters too. None: no
        limit.
    max_mb
        Megabytes of columns to keep, over all series; None for all.

    Raises
    ------
    ParameterError
        If a limit is not positive.
    """

    def __init__(
        self,
        *,
        max_rows: int | None = None,
        max_age: int | str | None = None,
        max_mb: float | None = None,
    ) -> None:
        if max_rows is not None and max_rows < 1:
            raise ParameterError(f"max_rows must be at least 1, got {max_rows!r}")
        if max_age is not None:
            check_duration("max_age", max_age, 1)
        if max_mb is not None and not max_mb > 0:
            raise ParameterError(f"max_mb must be positive, got {max_mb!r}")
        self.max_rows, self.max_age, self.max_mb = max_rows, max_age, max_mb

    @property
    def retains_all(self) -> bool:
        """Whether nothing is ever deleted."""
        return self.get_params() == RetentionPolicy().get_params()

    @classmethod
    def of(cls, saved: dict[str, Any] | None) -> "RetentionPolicy":
        """Return the policy with parameters saved in a run file; None: no limits."""
        return cls(**current_retention(saved or {}))
