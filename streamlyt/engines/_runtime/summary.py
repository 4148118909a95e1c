"""Results of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamlyt.core import Event

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """Results of a run, over all its resumptions.

    Parameters
    ----------
    rows
        Rows consumed from the source.
    events
        All events.
    seconds
        Run time.
    complete
        Whether the source was read to its end.
    series
        Output series -> its number of rows.
    """

    rows: int
    events: tuple[Event, ...]
    seconds: float
    complete: bool = True
    series: Mapping[str, int] = field(default_factory=dict)
