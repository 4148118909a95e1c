"""What every codec is: messages to rows by named columns, and never a wrong number in silence."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Component, Floats
from streamlyt.core.errors import DataError, DecodeError, ParameterError
from streamlyt.core.times import UNITS, from_unit, to_unit

__all__ = ["MOST_ROWS", "Codec", "DecodedMessages", "MessageRows", "RecordCodec"]

MOST_ROWS = 2**20  # in one message: a few bytes can promise more rows than memory holds

Record = tuple[Any, ...]
"""One row: its values (number or None), then its time, then its key, where these are fields."""


@dataclass(frozen=True, slots=True, eq=False)
class MessageRows:
    """Rows of messages, perhaps of several series.

    Parameters
    ----------
    values
        Shape (n, d), float64; NaN where a message has a hole.
    times
        Shape (n,), int64: nanoseconds since 1970, or steps; None where the time is no field.
    keys
        Name of the series of each row; None where it is no field.
    """

    values: Floats
    times: NDArray[np.int64] | None = None
    keys: tuple[str, ...] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedMessages:
    """What came of many messages.

    Parameters
    ----------
    rows
        The rows of all that could be decoded, in order.
    rows_per_message
        Shape (m,): how many rows each of the m messages gave.
    errors
        Number of the message -> why it could not be decoded.
    """

    rows: MessageRows
    rows_per_message: NDArray[np.int64]
    errors: dict[int, DecodeError]


class Codec(Component, ABC):
    """Rows from the bytes of a message, and back.

    A message is decoded whole or not at all: what is missing, of another type or out of range
    is refused with the reason. A null is a hole (NaN). Whole numbers above 2**53 are rounded to
    the nearest float64, as decimal fractions are.

    Attributes
    ----------
    columns
        Names of the fields that are the channels, in order.
    time, key
        Names of the fields with the time and with the name of the series; None where there is
        no such field.
    time_unit
        What numbers in the field of the time count: ``"ns"``, ``"us"``, ``"ms"`` or ``"s"`` since
        1970, or ``"step"``. Text there is ISO 8601, in UTC where it names no zone.
    columnar
        Whether a message holds its rows column by column.
    """

    columnar = False

    def __init__(
        self, columns: Sequence[str], time: str | None, key: str | None, time_unit: str
    ) -> None:
        self.columns = tuple(columns)
        self.time = time
        self.key = key
        self.time_unit = time_unit
        if time_unit not in UNITS:
            raise ParameterError(f"time_unit must be one of {list(UNITS)!r}, got {time_unit!r}")
        named = self._named
        if not self.columns or len(set(named)) != len(named):
            raise ParameterError(
                f"columns must name at least one field, and time and key others, got "
                f"columns {list(self.columns)!r}, time {time!r}, key {key!r}"
            )

    @abstractmethod
    def decode(self, message: bytes) -> MessageRows:
        """Return the rows of one message.

        Raises
        ------
        DecodeError
            If it is not what this codec reads; the reason is the text of the error.
        """

    @abstractmethod
    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message.

        Raises
        ------
        DataError
            If the format has no word for them.
        """

    def decode_all(self, messages: Sequence[bytes]) -> DecodedMessages:
        """Return the rows of many messages, and the reasons of those that are none."""
        counts = np.zeros(len(messages), np.int64)
        errors: dict[int, DecodeError] = {}
        found: list[MessageRows] = []
        for i, message in enumerate(messages):
            try:
                rows = self.decode(message)
            except DecodeError as error:
                errors[i] = error
            else:
                counts[i] = rows.n
                found.append(rows)
        return DecodedMessages(self._joined(found), counts, errors)

    @property
    def _time_counts(self) -> str:
        return self.time_unit

    @property
    def _named(self) -> list[str]:
        return [*self.columns, *(name for name in (self.time, self.key) if name is not None)]

    def _joined(self, found: Sequence[MessageRows]) -> MessageRows:
        if len(found) == 1:
            return found[0]
        values = [rows.values for rows in found] or [np.empty((0, len(self.columns)))]
        times = keys = None
        if self.time is not None:
            none = np.empty(0, np.int64)
            times = np.concatenate(
                [none, *(rows.times for rows in found if rows.times is not None)]
            )
        if self.key is not None:
            keys = tuple(chain.from_iterable(rows.keys or () for rows in found))
        return MessageRows(np.concatenate(values), times, keys)


class RecordCodec(Codec):
    """A codec of a format that gives one row at a time."""

    @abstractmethod
    def _records(self, message: bytes) -> list[Record]:
        """Return the records of a message; raise a DecodeError."""

    def _singles(self, messages: Sequence[bytes], at: int, records: list[Record]) -> int:
        """Add the records of messages from ``at`` on, as long as each holds one, if that is quick.

        Returns the place of the first one that was not taken.
        """
        return at

    def decode(self, message: bytes) -> MessageRows:
        """Return the rows of one message; a DecodeError says why it has none."""
        return self._table(self._records(message))

    def decode_all(self, messages: Sequence[bytes]) -> DecodedMessages:
        """Return the rows of many messages, and the reasons of those that are none."""
        counts = np.ones(len(messages), np.int64)
        errors: dict[int, DecodeError] = {}
        records: list[Record] = []
        at = 0
        while (at := self._singles(messages, at, records)) < len(messages):
            try:
                found = self._records(messages[at])
            except DecodeError as error:
                errors[at], counts[at] = error, 0
            else:
                counts[at] = len(found)
                records += found
            at += 1
        try:
            return DecodedMessages(self._table(records), counts, errors)
        except DecodeError:  # the fields of one of them cannot be: find it
            return super().decode_all(messages)

    def _table(self, records: Sequence[Record]) -> MessageRows:
        d = len(self.columns)
        fields = list(zip(*records, strict=True)) if records else [()] * len(self._named)
        values = np.empty((len(records), d))
        try:
            for i in range(d):
                values[:, i] = _numbers(fields[i])
        except OverflowError as error:
            raise DecodeError(f"field {self.columns[i]!r} is out of range: {error}") from error
        times = keys = None
        if self.time is not None:
            times = from_unit(fields[d], self._time_counts, self.time)
        if self.key is not None:
            keys = tuple(map(str, fields[len(self._named) - 1]))
        return MessageRows(values, times, keys)

    def _untabled(self, rows: MessageRows) -> Iterable[Record]:
        """Return rows as records, None for holes."""
        if rows.values.shape[1] != len(self.columns):
            raise DataError(
                f"rows must have the columns {list(self.columns)!r}, got {rows.values.shape[1]}"
            )
        lists = rows.values.tolist()
        holes = np.isnan(rows.values)
        for i in np.flatnonzero(holes.any(axis=1)):
            lists[i] = [None if hole else v for v, hole in zip(lists[i], holes[i], strict=True)]
        more: list[Sequence[Any]] = []
        if self.time is not None:
            more.append(to_unit(_given(rows.times, "times"), self._time_counts))
        if self.key is not None:
            more.append(_given(rows.keys, "keys"))
        return (
            ((*record, *rest) for record, rest in zip(lists, zip(*more, strict=True), strict=True))
            if more
            else map(tuple, lists)
        )


def _numbers(field: Sequence[float | None]) -> Floats:
    """Return a column of numbers, None as NaN."""
    try:
        return np.fromiter(field, np.float64, len(field))
    except TypeError:  # there is a None, which takes a slower way
        return np.array(field, dtype=np.float64)


def _given(what: Any, name: str) -> Any:
    if what is None:
        raise DataError(f"rows must have {name}, got none: this codec writes them into a field")
    return what
