"""Missing values in decoded messages: pass, drop or reject rows, by channel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.codecs import Codec, DecodedMessages, MessageRows
from streamlyt.core import DeadLetter, Floats
from streamlyt.core.errors import DataError, ParameterError, unknown_name_error

__all__ = ["MissingValuePolicy", "to_dead_letter"]

_POLICIES = ("pass", "drop", "dead_letter")
_MS = 10**6  # nanoseconds

_Mask = NDArray[np.bool_]


class MissingValuePolicy:
    """Policy for rows with missing values (NaN).

    Parameters
    ----------
    missing
        ``"pass"``, ``"drop"`` or ``"dead_letter"``; or a mapping by channel, others pass.
    columns
        The channels.

    Raises
    ------
    ParameterError
        If a policy or a channel is unknown.
    """

    def __init__(self, missing: str | Mapping[str, str], columns: Sequence[str]) -> None:
        own = dict.fromkeys(columns, missing) if isinstance(missing, str) else dict(missing)
        for name, policy in own.items():
            if name not in columns:
                raise unknown_name_error("channel of missing", name, list(columns))
            if policy not in _POLICIES:
                where = "missing" if isinstance(missing, str) else f"missing.{name}"
                raise ParameterError(f"{where} must be one of {list(_POLICIES)!r}, got {policy!r}")
        policies = [own.get(name, "pass") for name in columns]
        self._passes = set(policies) <= {"pass"}
        self._columns = list(columns)
        self._drop, self._reject = (
            np.array([policy == name for policy in policies]) for name in ("drop", "dead_letter")
        )

    def split(self, values: Floats) -> tuple[_Mask, _Mask] | None:
        """Return masks (n,) of dropped and of rejected rows; None if there are none."""
        if self._passes or not (missing := np.isnan(values)).any():
            return None
        rejected: _Mask = (missing & self._reject).any(axis=1)
        dropped: _Mask = (missing & self._drop).any(axis=1) & ~rejected
        return dropped, rejected

    def rejected_messages(
        self, records: Sequence[Any], codec: Codec, decoded: DecodedMessages, rejected: _Mask
    ) -> Iterator[DeadLetter]:
        """Yield a dead letter with the rejected rows of each message.

        If all rows of a message are rejected, it is the original message. Otherwise only these
        rows are encoded, so that a redrive repeats no other row.
        """
        ends = np.cumsum(decoded.rows_per_message)
        for i in np.unique(np.searchsorted(ends, np.flatnonzero(rejected), side="right")):
            start, end = int(ends[i] - decoded.rows_per_message[i]), int(ends[i])
            rows = np.flatnonzero(rejected[start:end])
            first = decoded.rows.values[start + rows[0]]
            (column, *_) = np.flatnonzero(np.isnan(first) & self._reject)
            yield to_dead_letter(
                records[i],
                f"{self._columns[column]!r} must not be missing, got no number in row {rows[0]} of "
                f"{end - start}; {len(rows)} rows rejected",
                None if len(rows) == end - start else _encode(codec, decoded.rows, start + rows),
            )


def to_dead_letter(record: Any, reason: str, value: bytes | None = None) -> DeadLetter:
    """Return a message, or the ``value`` that replaces it, as a dead letter."""
    return DeadLetter(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value if value is None else value,
        reason,
        record.timestamp * _MS,
    )


def _encode(codec: Codec, rows: MessageRows, index: NDArray[np.intp]) -> bytes | None:
    times = None if rows.times is None else rows.times[index]
    keys = None if rows.keys is None else tuple(rows.keys[i] for i in index)
    try:
        return codec.encode(MessageRows(rows.values[index], times, keys))
    except DataError:  # decodable rows that this format cannot encode
        return None
