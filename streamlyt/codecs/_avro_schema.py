"""Flat Avro records: the types of each field, and readers of their bytes."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamlyt.core.errors import DecodeError, ParameterError

__all__ = ["NUMBERS", "Field", "read_fields", "reader", "unit_of"]

NUMBERS = frozenset({"int", "long", "float", "double"})
_UNITS = {"timestamp-millis": "ms", "timestamp-micros": "us", "timestamp-nanos": "ns"}

Field = list[dict[str, Any]]
"""The possible types of a field (several for a union), each as an object."""

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Takes a message and an offset; returns the value there, and the offset after it."""


def read_fields(schema: str) -> dict[str, Field]:
    """Return name -> types of the fields of a record, in order.

    Raises
    ------
    ParameterError
        If the schema is not JSON, or not a record of plain fields.
    """
    if not schema.lstrip().startswith("{"):
        try:
            schema = Path(schema).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"the Avro schema cannot be read: {error}") from error
    try:
        record = json.loads(schema)
    except json.JSONDecodeError as error:
        raise ParameterError(f"the Avro schema must be JSON: {error}") from error
    if not isinstance(record, Mapping) or record.get("type") != "record":
        raise ParameterError("the Avro schema must be that of a record")
    try:
        return {field["name"]: _types(field["type"], field["name"]) for field in record["fields"]}
    except (KeyError, TypeError) as error:
        raise ParameterError(
            f"the Avro schema must list fields with names and types: {error!r}"
        ) from error


def unit_of(field: Field) -> str | None:
    """Return the unit of a logical timestamp, None for a plain number."""
    return next((_UNITS[t["logicalType"]] for t in field if t.get("logicalType") in _UNITS), None)


def reader(field: Field) -> Reader:
    """Return the reader of a field."""
    readers = [_READERS[kind["type"]](kind) for kind in field]
    if len(readers) == 1:
        return readers[0]

    def union(message: bytes, offset: int) -> tuple[Any, int]:
        branch, offset = _long(message, offset)
        if not 0 <= branch < len(readers):
            raise DecodeError(f"branch {branch} of a union of {len(readers)}, at byte {offset}")
        return readers[branch](message, offset)

    return union


def _types(given: Any, name: str) -> Field:
    union = given if isinstance(given, list) else [given]
    types = [{"type": each} if isinstance(each, str) else dict(each) for each in union]
    for each in types:
        if each["type"] not in _READERS:
            raise ParameterError(
                f"the Avro schema must have plain fields ({', '.join(_READERS)}), got field "
                f"{name!r} of {each['type']!r}"
            )
    return types


def _varint(message: bytes, offset: int, max_bytes: int) -> tuple[int, int]:
    number = 0
    for i in range(max_bytes):
        byte = message[offset + i]
        number |= (byte & 127) << 7 * i
        if byte < 128:
            return (number >> 1) ^ -(number & 1), offset + i + 1
    raise DecodeError(f"a whole number of more than {max_bytes} bytes, at byte {offset}")


def _long(message: bytes, offset: int) -> tuple[int, int]:
    number, end = _varint(message, offset, 10)
    if not -(2**63) <= number < 2**63:
        raise DecodeError(f"a long out of its range, at byte {offset}")
    return number, end


def _int(message: bytes, offset: int) -> tuple[int, int]:
    number, end = _varint(message, offset, 5)
    if not -(2**31) <= number < 2**31:
        raise DecodeError(f"an int out of its range, at byte {offset}")
    return number, end


def _bytes(message: bytes, offset: int) -> tuple[bytes, int]:
    size, offset = _long(message, offset)
    if not 0 <= size <= len(message) - offset:
        raise DecodeError(f"a text of {size} bytes where {len(message) - offset} are left")
    return message[offset : offset + size], offset + size


def _text(message: bytes, offset: int) -> tuple[str, int]:
    found, end = _bytes(message, offset)
    return found.decode("utf-8"), end


def _boolean(message: bytes, offset: int) -> tuple[bool, int]:
    if message[offset] > 1:
        raise DecodeError(f"a boolean of {message[offset]}, at byte {offset}")
    return message[offset] == 1, offset + 1


def _packed(form: str) -> Reader:
    packed = struct.Struct(form)

    def read(message: bytes, offset: int) -> tuple[Any, int]:
        return packed.unpack_from(message, offset)[0], offset + packed.size

    return read


def _fixed(kind: Mapping[str, Any]) -> Reader:
    size = kind.get("size")
    if not isinstance(size, int) or size < 0:
        raise ParameterError(f"a fixed field of the Avro schema must have a size, got {size!r}")
    return _packed(f"{size}s")


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Reader]] = {
    "null": lambda kind: lambda message, offset: (None, offset),
    "boolean": lambda kind: _boolean,
    "int": lambda kind: _int,
    "long": lambda kind: _long,
    "float": lambda kind: _packed("<f"),
    "double": lambda kind: _packed("<d"),
    "string": lambda kind: _text,
    "bytes": lambda kind: _bytes,
    "enum": lambda kind: _int,
    "fixed": _fixed,
}
