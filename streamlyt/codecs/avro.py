"""Avro: one record per message, of a given schema, with or without a registry header."""

import os
import struct
from collections.abc import Sequence

import numpy as np

from streamlyt.core.errors import DataError, DecodeError, ParameterError

from ._avro_schema import NUMBERS, Field, read_fields, reader, unit_of
from ._base import MessageRows, Record, RecordCodec

__all__ = ["AvroCodec"]

_FAULTS = (IndexError, struct.error, UnicodeDecodeError)  # the message is shorter than its record


class AvroCodec(RecordCodec):
    """Rows as Avro records of one known schema.

    Parameters
    ----------
    columns
        Names of the fields that are the channels, in order: int, long, float or double, or a
        union of one of these with null.
    schema
        The schema of the messages, a record of plain fields: JSON, or the path of a file.
    time_column, key_column
        Names of the fields with the time (a number; a logical timestamp has its own unit) and
        the key of the series (a string).
    time_unit
        Unit of plain numbers in the time field.
    schema_id
        Schema registry id: messages start with a zero byte and this id in four bytes. None if
        they have no such header.

    Raises
    ------
    ParameterError
        If the schema is no flat record, or lacks the fields.

    Notes
    -----
    A message does not name its schema: without ``schema_id``, bytes of another schema may decode
    to wrong numbers. Lengths, ranges and unused bytes are checked. (fastavro reads integers of any
    length and drops their upper bits, so it is used as reference in the tests only.)

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
        time_column: str | None = None,
        key_column: str | None = None,
        time_unit: str = "ms",
        schema_id: int | None = None,
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit)
        self.schema = os.fspath(schema)
        self.schema_id = schema_id
        if schema_id is not None and not 0 <= schema_id < 2**32:
            raise ParameterError(f"schema_id must be a number of four bytes, got {schema_id!r}")
        self._head = b"" if schema_id is None else b"\0" + schema_id.to_bytes(4, "big")
        self._fields = read_fields(self.schema)
        for name in self._named:
            kinds = {kind["type"] for kind in self._fields.get(name, [])}
            allowed = {"string"} if name == key_column else NUMBERS | {"null"}
            if not kinds or not kinds <= allowed:
                raise ParameterError(
                    f"the Avro schema must have a field {name!r} of {sorted(allowed)!r}, got "
                    f"{sorted(kinds) or 'no such field'!r}"
                )
        self._readers = [reader(field) for field in self._fields.values()]
        order = list(self._fields)
        self._indices = [order.index(name) for name in self._named]
        self._unit = None if time_column is None else unit_of(self._fields[time_column])

    @property
    def _time_counts(self) -> str:
        return self._unit or self.time_unit

    def _records(self, message: bytes) -> list[Record]:
        offset = len(self._head)
        if message[:offset] != self._head:
            raise DecodeError(
                f"a message must begin with the schema's number {self.schema_id}, got the bytes "
                f"{message[:offset].hex()!r}"
            )
        row = []
        try:
            for read in self._readers:
                value, offset = read(message, offset)
                row.append(value)
        except _FAULTS as error:
            raise DecodeError(
                f"no record of the schema: {error} after {len(row)} fields"
            ) from error
        if offset != len(message):
            raise DecodeError(
                f"a record ends at byte {offset} of a message of {len(message)} bytes"
            )
        return [tuple([row[i] for i in self._indices])]

    def encode(self, rows: MessageRows) -> bytes:
        """Return one row as a message."""
        if rows.n != 1:
            raise DataError(f"an Avro message must hold one row, got {rows.n}")
        (record,) = self._to_records(rows)
        named = dict(zip(self._named, record, strict=True))
        if set(named) != set(self._fields):
            raise DataError(
                f"only a schema without other fields can be written, got {list(self._fields)!r}"
            )
        return self._head + b"".join(
            _encode_field(named[name], field, name) for name, field in self._fields.items()
        )


def _encode_field(value: float | str | None, field: Field, name: str) -> bytes:
    for branch, kind in enumerate(each["type"] for each in field):
        if (encoded := _encode_as(value, kind)) is not None:
            return (_zigzag(branch) if len(field) > 1 else b"") + encoded
    raise DataError(f"field {name!r} of the Avro schema cannot represent {value!r}")


def _encode_as(value: float | str | None, kind: str) -> bytes | None:
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
