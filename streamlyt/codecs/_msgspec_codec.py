"""Codecs based on msgspec, which checks the type of each field while parsing."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Protocol

import msgspec
from msgspec.structs import astuple

from streamlyt.core.errors import DecodeError, ParameterError

from ._base import MOST_ROWS, Record, RecordCodec

__all__ = ["StructCodec"]

_FAULTS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_Number = float | None
_Time = int | float | str
_Key = str | int


class _Format(Protocol):
    """``msgspec.json`` or ``msgspec.msgpack``."""

    Decoder: Any
    Encoder: Any


class StructCodec(RecordCodec):
    """Base class of codecs of formats with objects, arrays, numbers and text."""

    def __init__(
        self,
        columns: Sequence[str],
        time_column: str | None,
        key_column: str | None,
        time_unit: str,
        fields: Sequence[str] | None,
        form: _Format,
    ) -> None:
        super().__init__(columns, time_column, key_column, time_unit)
        self.fields = None if fields is None else tuple(fields)
        kinds: dict[str, Any] = dict.fromkeys(self.columns, _Number)
        if time_column is not None:
            kinds[time_column] = _Time
        if key_column is not None:
            kinds[key_column] = _Key
        order = list(kinds) if self.fields is None else list(self.fields)
        if not set(kinds) <= set(order) or len(set(order)) != len(order):
            raise ParameterError(
                f"fields must name every field once, {list(kinds)!r} among them, got {order!r}"
            )
        inner = {name: f"f{i}" for i, name in enumerate(order)}
        try:
            struct = msgspec.defstruct(
                "Row",
                [(inner[name], kinds.get(name, Any)) for name in order],
                rename={inner[name]: name for name in order},
                array_like=self.fields is not None,
                forbid_unknown_fields=self.fields is not None,  # for arrays: checks the length
                gc=False,
            )
        except ValueError as error:
            raise ParameterError(f"invalid field name: {error}") from error
        self._one = form.Decoder(struct)
        self._many = form.Decoder(list[struct])  # type: ignore[valid-type]  # a class defined above
        names = [inner[name] for name in kinds]
        self._get: Callable[[Any], Record] = astuple
        if order != list(kinds):
            # attrgetter of one name returns no tuple; the repeated value is not used.
            self._get = attrgetter(*names, *names[: len(names) == 1])
        self._encode = form.Encoder().encode
        self._order = order
        self._kinds = list(kinds)

    def _decode_singles(self, messages: Sequence[bytes], start: int, records: list[Record]) -> int:
        rows: list[Any] = []
        decode, add = self._one.decode, rows.append
        try:
            for message in islice(messages, start, None):
                add(decode(message))
        except _FAULTS:
            pass  # the caller decodes this message alone and reports the error
        records += map(self._get, rows)
        return start + len(rows)

    def _records(self, message: bytes) -> list[Record]:
        try:
            return [self._get(self._one.decode(message))]
        except _FAULTS as error:
            single = error
        try:
            rows = self._many.decode(message)
        except _FAULTS as error:
            # Report the error of the matching shape: in a list of rows it is not at the start.
            reported = error if "$[" in str(error) and "$[" not in str(single) else single
            raise DecodeError(str(reported)) from error
        if len(rows) > MOST_ROWS:
            raise DecodeError(f"a message must hold at most {MOST_ROWS} rows, got {len(rows)}")
        return list(map(self._get, rows))

    def _encode_records(self, records: Iterable[Record]) -> bytes:
        objects = [dict(zip(self._kinds, record, strict=True)) for record in records]
        rows: list[Any] = list(objects)
        if self.fields is not None:
            rows = [[row.get(name) for name in self._order] for row in objects]
        encoded: bytes = self._encode(rows[0] if len(rows) == 1 else rows)
        return encoded
