"""Bytes to rows and back, one format a file: what messages of a stream hold."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._clock import to_time as to_time
    from ._codec import Codec as Codec
    from ._codec import Decoded as Decoded
    from ._codec import Rows as Rows
    from ._dead import DeadLetter as DeadLetter
    from .arrow import ArrowCodec as ArrowCodec
    from .avro import AvroCodec as AvroCodec
    from .csv import CsvCodec as CsvCodec
    from .json import JsonCodec as JsonCodec
    from .msgpack import MsgpackCodec as MsgpackCodec

__getattr__, __dir__, __all__ = lazy_names(__name__)
