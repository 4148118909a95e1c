"""Retention of rows in the run file: the table ``[policy]`` of a pipeline file."""

from typing import Any

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError
from streamlyt.core.times import check_duration

__all__ = ["RetentionPolicy"]


class RetentionPolicy(Component):
    """Retention of rows in a run file. Events, states and positions are always kept.

    Rows are deleted by complete chunks (up to 4,096 rows of a series), the oldest first, and their
    space is released to the disk. More rows than the limits may stay: the last chunk of each
    series, and the rows that the last three checkpoints need. Row numbers do not change.

    Parameters
    ----------
    retain_rows
        Number of last rows of each series to keep; None for all.
    retain_age
        Maximum age of rows relative to the newest row of all series: a duration like ``"30d"``, or
        a number in the unit of their times; applies to late rows and dead letters too. None: no
        limit.
    retain_mb
        Megabytes of columns to keep, over all series; None for all.

    Raises
    ------
    ParameterError
        If a limit is not positive.
    """

    def __init__(
        self,
        *,
        retain_rows: int | None = None,
        retain_age: int | str | None = None,
        retain_mb: float | None = None,
    ) -> None:
        if retain_rows is not None and retain_rows < 1:
            raise ParameterError(f"retain_rows must be at least 1, got {retain_rows!r}")
        if retain_age is not None:
            check_duration("retain_age", retain_age, 1)
        if retain_mb is not None and not retain_mb > 0:
            raise ParameterError(f"retain_mb must be positive, got {retain_mb!r}")
        self.retain_rows, self.retain_age, self.retain_mb = retain_rows, retain_age, retain_mb

    @property
    def retains_all(self) -> bool:
        """Whether nothing is ever deleted."""
        return self.get_params() == RetentionPolicy().get_params()

    @classmethod
    def of(cls, saved: dict[str, Any] | None) -> "RetentionPolicy":
        """Return the policy with parameters saved in a run file; None: no limits."""
        return cls(**(saved or {}))
