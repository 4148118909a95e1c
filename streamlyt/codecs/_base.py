"""Base classes of codecs: strict conversion between messages and rows of named columns."""

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

MOST_ROWS = 2**20  # in one message: a small message can claim more rows than fit into memory

Record = tuple[Any, ...]
"""One row: its values (number or None), then its time and its key if they are fields."""


@dataclass(frozen=True, slots=True, eq=False)
class MessageRows:
    """Rows of messages, possibly of several series.

    Parameters
    ----------
    values
        Shape (n, d), float64; NaN for missing values.
    times
        Shape (n,), int64: nanoseconds since 1970, or steps; None if the time is no field.
    keys
        Key of the series of each row; None if it is no field.
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
    """The result of decoding many messages.

    Parameters
    ----------
    rows
        The rows of all decodable messages, in order.
    rows_per_message
        Shape (m,): number of rows of each of the m messages.
    errors
        Index of a message -> why it could not be decoded.
    """

    rows: MessageRows
    rows_per_message: NDArray[np.int64]
    errors: dict[int, DecodeError]


class Codec(Component, ABC):
    """Base class of codecs: decode messages to rows, and encode rows.

    A message is decoded completely or not at all: a missing field, another type or a value out of
    range is an error. A null is a missing value (NaN). Integers above 2**53 are rounded to the
    nearest float64, like decimal fractions.

    Attributes
    ----------
    columns
        Names of the fields that are the channels, in order.
    time_column, key_column
        Names of the fields with the time and the key of the series; None if there is no such
        field.
    time_unit
        Unit of numbers in the time field: ``"ns"``, ``"us"``, ``"ms"`` or ``"s"`` since 1970, or
        ``"step"``. Text there is ISO 8601, in UTC unless it names a zone.
    columnar
        Whether a message stores its rows column by column.
    """

    columnar = False

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None,
        key_column: str | None,
        time_unit: str,
    ) -> None:
        self.columns = tuple(columns)
        self.time_column = time_column
        self.key_column = key_column
        self.time_unit = time_unit
        if time_unit not in UNITS:
            raise ParameterError(f"time_unit must be one of {list(UNITS)!r}, got {time_unit!r}")
        named = self._named
        if not self.columns or len(set(named)) != len(named):
            raise ParameterError(
                f"columns must name at least one field, and time_column and key_column others, got "
                f"{list(self.columns)!r}, {time_column!r} and {key_column!r}"
            )

    @abstractmethod
    def decode(self, message: bytes) -> MessageRows:
        """Return the rows of one message.

        Raises
        ------
        DecodeError
            If the message is invalid for this codec; the text of the error is the reason.
        """

    @abstractmethod
    def encode(self, rows: MessageRows) -> bytes:
        """Return rows as one message.

        Raises
        ------
        DataError
            If the format cannot represent them.
        """

    def decode_all(self, messages: Sequence[bytes]) -> DecodedMessages:
        """Return the rows of many messages, and the errors of those that cannot be decoded."""
        counts = np.zeros(len(messages), np.int64)
        errors: dict[int, DecodeError] = {}
        decoded: list[MessageRows] = []
        for i, message in enumerate(messages):
            try:
                rows = self.decode(message)
            except DecodeError as error:
                errors[i] = error
            else:
                counts[i] = rows.n
                decoded.append(rows)
        return DecodedMessages(self._concatenate(decoded), counts, errors)

    @property
    def _time_counts(self) -> str:
        return self.time_unit

    @property
    def _named(self) -> list[str]:
        return [
            *self.columns,
            *(name for name in (self.time_column, self.key_column) if name is not None),
        ]

    def _concatenate(self, parts: Sequence[MessageRows]) -> MessageRows:
        if len(parts) == 1:
            return parts[0]
        values = [rows.values for rows in parts] or [np.empty((0, len(self.columns)))]
        times = keys = None
        if self.time_column is not None:
            empty = np.empty(0, np.int64)
            times = np.concatenate(
                [empty, *(rows.times for rows in parts if rows.times is not None)]
            )
        if self.key_column is not None:
            keys = tuple(chain.from_iterable(rows.keys or () for rows in parts))
        return MessageRows(np.concatenate(values), times, keys)


class RecordCodec(Codec):
    """Base class of codecs of formats that store one row at a time."""

    @abstractmethod
    def _records(self, message: bytes) -> list[Record]:
        """Return the records of a message; raise a DecodeError."""

    def _decode_singles(self, messages: Sequence[bytes], start: int, records: list[Record]) -> int:
        """Append the records of messages from ``start`` on while each contains one record.

        Returns the index of the first message that was not decoded. A subclass overrides this
        where it has a fast path; the default decodes none.
        """
        return start

    def decode(self, message: bytes) -> MessageRows:
        """Return the rows of one message; raise a DecodeError if it is invalid."""
        return self._table(self._records(message))

    def decode_all(self, messages: Sequence[bytes]) -> DecodedMessages:
        """Return the rows of many messages, and the errors of those that cannot be decoded."""
        counts = np.ones(len(messages), np.int64)
        errors: dict[int, DecodeError] = {}
        records: list[Record] = []
        i = 0
        while (i := self._decode_singles(messages, i, records)) < len(messages):
            try:
                decoded = self._records(messages[i])
            except DecodeError as error:
                errors[i], counts[i] = error, 0
            else:
                counts[i] = len(decoded)
                records += decoded
            i += 1
        try:
            return DecodedMessages(self._table(records), counts, errors)
        except DecodeError:  # a field of one of them is invalid: find it
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
        if self.time_column is not None:
            times = from_unit(fields[d], self._time_counts, self.time_column)
        if self.key_column is not None:
            keys = tuple(map(str, fields[len(self._named) - 1]))
        return MessageRows(values, times, keys)

    def _to_records(self, rows: MessageRows) -> Iterable[Record]:
        """Return rows as records, None for missing values."""
        if rows.values.shape[1] != len(self.columns):
            raise DataError(
                f"rows must have the columns {list(self.columns)!r}, got {rows.values.shape[1]}"
            )
        lists = rows.values.tolist()
        missing = np.isnan(rows.values)
        for i in np.flatnonzero(missing.any(axis=1)):
            pairs = zip(lists[i], missing[i], strict=True)
            lists[i] = [None if is_missing else value for value, is_missing in pairs]
        more: list[Sequence[Any]] = []
        if self.time_column is not None:
            more.append(to_unit(_require(rows.times, "times"), self._time_counts))
        if self.key_column is not None:
            more.append(_require(rows.keys, "keys"))
        return (
            (
                (*record, *others)
                for record, others in zip(lists, zip(*more, strict=True), strict=True)
            )
            if more
            else map(tuple, lists)
        )


def _numbers(field: Sequence[float | None]) -> Floats:
    """Return a column of numbers, None as NaN."""
    try:
        return np.fromiter(field, np.float64, len(field))
    except TypeError:  # a None needs the slower conversion
        return np.array(field, dtype=np.float64)


def _require(value: Any, name: str) -> Any:
    if value is None:
        raise DataError(f"rows must have {name}, got none: this codec writes them into a field")
    return value
