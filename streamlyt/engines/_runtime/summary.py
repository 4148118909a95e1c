"""What a run came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamlyt.core import Event

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """What a run came to, over all its resumptions.

    Parameters
    ----------
    rows
        Rows taken from the source.
    events
        The findings.
    seconds
        Time that it ran.
    complete
        Whether the source came to its end.
    series
        Series -> its rows that came out at the end of the pipeline.
    """

    rows: int
    events: tuple[Event, ...]
    seconds: float
    complete: bool = True
    series: Mapping[str, int] = field(default_factory=dict)
