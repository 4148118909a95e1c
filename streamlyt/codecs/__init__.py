"""Bytes to rows and back, one format a file: what messages of a stream hold."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._codec import Codec, Decoded, Rows
    from ._dead import DeadLetter
    from .arrow import ArrowCodec
    from .avro import AvroCodec
    from .csv import CsvCodec
    from .json import JsonCodec
    from .msgpack import MsgpackCodec

__all__ = [
    "ArrowCodec",
    "AvroCodec",
    "Codec",
    "CsvCodec",
    "DeadLetter",
    "Decoded",
    "JsonCodec",
    "MsgpackCodec",
    "Rows",
]

_HOMES = {
    "ArrowCodec": "arrow",
    "AvroCodec": "avro",
    "Codec": "_codec",
    "CsvCodec": "csv",
    "DeadLetter": "_dead",
    "Decoded": "_codec",
    "JsonCodec": "json",
    "MsgpackCodec": "msgpack",
    "Rows": "_codec",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
