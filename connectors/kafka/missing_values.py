"""Rows of messages in which something is missing: handed on, left out, or refused, by channel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.codecs import Codec, DecodedMessages, MessageRows
from streamlyt.core import DeadLetter, Floats
from streamlyt.core.errors import DataError, ParameterError, unknown_name_error

__all__ = ["MissingValuePolicy", "to_dead_letter"]

_POLICIES = ("pass", "drop", "refuse")
_MS = 10**6  # nanoseconds

_Mask = NDArray[np.bool_]


class MissingValuePolicy:
    """What becomes of rows with a hole (NaN).

    Parameters
    ----------
    holes
        ``"pass"``, ``"drop"`` or ``"refuse"``; or channel -> its own, others pass.
    columns
        The channels.

    Raises
    ------
    ParameterError
        If a policy or a channel is not known.
    """

    def __init__(self, holes: str | Mapping[str, str], columns: Sequence[str]) -> None:
        own = dict.fromkeys(columns, holes) if isinstance(holes, str) else dict(holes)
        for name, policy in own.items():
            if name not in columns:
                raise unknown_name_error("channel of holes", name, list(columns))
            if policy not in _POLICIES:
                where = "holes" if isinstance(holes, str) else f"holes.{name}"
                raise ParameterError(f"{where} must be one of {list(_POLICIES)!r}, got {policy!r}")
        policies = [own.get(name, "pass") for name in columns]
        self._passes = set(policies) <= {"pass"}
        self._columns = list(columns)
        self._drop, self._refuse = (
            np.array([policy == each for policy in policies]) for each in ("drop", "refuse")
        )

    def split(self, values: Floats) -> tuple[_Mask, _Mask] | None:
        """Return which rows are dropped and which are refused, shape (n,) each; None for none."""
        if self._passes or not (missing := np.isnan(values)).any():
            return None
        refused: _Mask = (missing & self._refuse).any(axis=1)
        dropped: _Mask = (missing & self._drop).any(axis=1) & ~refused
        return dropped, refused

    def letters(
        self, records: Sequence[Any], codec: Codec, decoded: DecodedMessages, refused: _Mask
    ) -> Iterator[DeadLetter]:
        """Yield a dead letter for each message with refused rows, which holds these and no others.

        Where all rows of a message are refused, it is the message as it came; else they are
        written anew, so that redriving it brings no other row a second time.
        """
        ends = np.cumsum(decoded.rows_per_message)
        for i in np.unique(np.searchsorted(ends, np.flatnonzero(refused), side="right")):
            start, end = int(ends[i] - decoded.rows_per_message[i]), int(ends[i])
            some = np.flatnonzero(refused[start:end])
            first = decoded.rows.values[start + some[0]]
            (column, *_) = np.flatnonzero(np.isnan(first) & self._refuse)
            yield to_dead_letter(
                records[i],
                f"{self._columns[column]!r} must not be missing, got no number in row {some[0]} of "
                f"{end - start}; {len(some)} rows refused",
                None if len(some) == end - start else _written(codec, decoded.rows, start + some),
            )


def to_dead_letter(record: Any, reason: str, value: bytes | None = None) -> DeadLetter:
    """Return a message, or in its place what is left of it, as a dead letter."""
    return DeadLetter(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value if value is None else value,
        reason,
        record.timestamp * _MS,
    )


def _written(codec: Codec, rows: MessageRows, some: NDArray[np.intp]) -> bytes | None:
    times = None if rows.times is None else rows.times[some]
    keys = None if rows.keys is None else tuple(rows.keys[i] for i in some)
    try:
        return codec.encode(MessageRows(rows.values[some], times, keys))
    except DataError:  # what the format can be read from and not be written to
        return None
