"""The record of one detected change."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from .errors import DataError
from .former_names import current_name

__all__ = ["Event"]

EVENT_VERSION = 1  # raised when a field of Event changes its meaning


@dataclass(frozen=True)
class Event:
    """One detected change. All sinks use this record.

    Parameters
    ----------
    key, detector
        Series, and name of the operator that detected the change.
    alarm_index, alarm_time
        Row (in the source's own count) and time at which the alarm was raised.
    change_index, change_time
        Estimated row and time of the first changed row.
    statistic, threshold
        Their values at the alarm.
    channels, contributions
        The channels with the largest contributions, and these as fractions of the whole change
        (sum at most 1), largest first.
    time_unit
        Unit of both times.
    version
        Version of this record.
    """

    key: str
    detector: str
    alarm_index: int
    alarm_time: int
    change_index: int
    change_time: int
    statistic: float
    threshold: float
    channels: tuple[str, ...] = ()
    contributions: tuple[float, ...] = ()
    time_unit: str = "step"
    version: int = EVENT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        DataError
            If the record is of a later version.
        """
        if record["version"] > EVENT_VERSION:
            raise DataError(
                f"this streamlyt reads events up to version {EVENT_VERSION}, "
                f"got version {record['version']!r}: install a newer streamlyt"
            )
        fields = dict(record)
        if "shares" in fields:  # the name in run files and topics written by version 0.1
            fields["contributions"] = fields.pop("shares")
        fields["detector"] = current_name(fields["detector"])
        for name in ("channels", "contributions"):
            fields[name] = tuple(fields[name])
        return cls(**fields)
