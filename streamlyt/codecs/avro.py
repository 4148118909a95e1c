"""Avro: one record a message by a schema that is given, with a registry's five bytes or without."""

import os
import struct
from collections.abc import Sequence

import numpy as np

from streamlyt.core.errors import DataError, DecodeError, ParameterError

from ._avro_schema import NUMBERS, Field, read_fields, reader, unit_of
from ._base import MessageRows, Record, RecordCodec

__all__ = ["AvroCodec"]

_FAULTS = (IndexError, struct.error, UnicodeDecodeError)  # the message ends before its record


class AvroCodec(RecordCodec):
    """Rows as Avro records, all written by one known schema.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order: int, long, float or double, or one
        of these or null.
    schema
        The schema of the messages: a record of plain fields, as JSON, or the path of a file.
    time, key
        Names of the fields with the time (a number; a logical timestamp brings its own unit) and
        the name of the series (a string).
    time_unit
        What plain numbers in the field of the time count.
    schema_id
        Messages begin as those of a schema registry do, with a zero and this number in four
        bytes; None where they do not.

    Raises
    ------
    ParameterError
        If the schema is none of a flat record, or has no such fields.

    Notes
    -----
    A message does not say which schema wrote it: bytes of another one can decode to other
    numbers, unless ``schema_id`` is given. What can be checked is: lengths, ranges, and that
    every byte is used. (fastavro reads whole numbers of any length and drops their upper bits,
    so it is the twin in the tests only.)

    Examples
    --------
    >>> codec = AvroCodec(["x"], '{"type": "record", "name": "r", "fields": [{"name": "x", '
    ...                          '"type": "double"}]}')
    >>> codec.decode(bytes.fromhex("000000000000f83f")).values
    array([[1.5]])
    """

    def __init__(
        self,
        columns: Sequence[str],
        schema: str | os.PathLike[str],
        time: str | None = None,
        key: str | None = None,
        time_unit: str = "ms",
        schema_id: int | None = None,
    ) -> None:
        super().__init__(columns, time, key, time_unit)
        self.schema = os.fspath(schema)
        self.schema_id = schema_id
        if schema_id is not None and not 0 <= schema_id < 2**32:
            raise ParameterError(f"schema_id must be a number of four bytes, got {schema_id!r}")
        self._head = b"" if schema_id is None else b"\0" + schema_id.to_bytes(4, "big")
        self._fields = read_fields(self.schema)
        for name in self._named:
            kinds = {kind["type"] for kind in self._fields.get(name, [])}
            wanted = {"string"} if name == key else NUMBERS | {"null"}
            if not kinds or not kinds <= wanted:
                raise ParameterError(
                    f"the Avro schema must have a field {name!r} of {sorted(wanted)!r}, got "
                    f"{sorted(kinds) or 'no such field'!r}"
                )
        self._readers = [reader(field) for field in self._fields.values()]
        order = list(self._fields)
        self._places = [order.index(name) for name in self._named]
        self._unit = None if time is None else unit_of(self._fields[time])

    @property
    def _time_counts(self) -> str:
        return self._unit or self.time_unit

    def _records(self, message: bytes) -> list[Record]:
        at = len(self._head)
        if message[:at] != self._head:
            raise DecodeError(
                f"a message must begin with the schema's number {self.schema_id}, got the bytes "
                f"{message[:at].hex()!r}"
            )
        row = []
        try:
            for read in self._readers:
                value, at = read(message, at)
                row.append(value)
        except _FAULTS as error:
            raise DecodeError(
                f"no record of the schema: {error} after {len(row)} fields"
            ) from error
        if at != len(message):
            raise DecodeError(f"a record ends at byte {at} of a message of {len(message)} bytes")
        return [tuple([row[place] for place in self._places])]

    def encode(self, rows: MessageRows) -> bytes:
        """Return one row as a message."""
        if rows.n != 1:
            raise DataError(f"an Avro message must hold one row, got {rows.n}")
        (record,) = self._untabled(rows)
        named = dict(zip(self._named, record, strict=True))
        if set(named) != set(self._fields):
            raise DataError(
                f"only a schema without other fields can be written, got {list(self._fields)!r}"
            )
        return self._head + b"".join(
            _written(named[name], field, name) for name, field in self._fields.items()
        )


def _written(value: float | str | None, field: Field, name: str) -> bytes:
    for branch, kind in enumerate(each["type"] for each in field):
        if (found := _as(value, kind)) is not None:
            return (_zigzag(branch) if len(field) > 1 else b"") + found
    raise DataError(f"field {name!r} of the Avro schema has no word for {value!r}")


def _as(value: float | str | None, kind: str) -> bytes | None:
    if kind == "null":
        return b"" if value is None else None
    if kind == "string" and isinstance(value, str):
        text = value.encode()
        return _zigzag(len(text)) + text
    if isinstance(value, str) or (value is None and kind not in ("float", "double")):
        return None
    number = np.nan if value is None else value
    if kind == "double":
        return struct.pack("<d", number)
    if kind == "float":
        with np.errstate(over="ignore"):
            near = float(np.float32(number))
        return struct.pack("<f", near) if near == number or number != number else None
    if kind in ("int", "long") and number == np.trunc(number):
        limit = 2**31 if kind == "int" else 2**63
        return _zigzag(int(number)) if -limit <= number < limit else None
    return None


def _zigzag(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
