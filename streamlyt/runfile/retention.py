"""How long a run file keeps what it was given: the table ``[policy]`` of a pipeline file."""

from typing import Any

from streamlyt.core import Component
from streamlyt.core.errors import ParameterError
from streamlyt.core.times import check_duration

__all__ = ["RetentionPolicy"]


class RetentionPolicy(Component):
    """How long a run file keeps rows. Findings, states and positions stay in any case.

    Rows go in whole chunks (up to 4,096 rows of a series), the oldest first, and the space that
    they took is given back to the disk. At least what is asked for stays; so do the last chunk of
    each series and the rows of the last three checkpoints. Row numbers stay those of the stream.

    Parameters
    ----------
    retain_rows
        The last rows of each series that are kept; None for all.
    retain_age
        How far back rows are kept from the newest row of all series: a span like ``"30d"``, or a
        number in the unit of their times; late rows and dead letters too. None for ever.
    retain_mb
        Megabytes of columns that are kept, over all series; None for all.

    Raises
    ------
    ParameterError
        If a bound is not positive.
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
        """Whether nothing is ever let go of."""
        return self.get_params() == RetentionPolicy().get_params()

    @classmethod
    def of(cls, saved: dict[str, Any] | None) -> "RetentionPolicy":
        """Read the parameters that a run file keeps; None: it keeps all."""
        return cls(**(saved or {}))
