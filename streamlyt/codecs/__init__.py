"""Codecs: encode rows as messages and decode messages, one module per format."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from streamlyt.core.io import DeadLetter as DeadLetter
    from streamlyt.core.times import parse_iso_time as parse_iso_time

    from ._base import Codec as Codec
    from ._base import DecodedMessages as DecodedMessages
    from ._base import MessageRows as MessageRows
    from .arrow import ArrowCodec as ArrowCodec
    from .avro import AvroCodec as AvroCodec
    from .csv import CsvCodec as CsvCodec
    from .json import JsonCodec as JsonCodec
    from .msgpack import MsgpackCodec as MsgpackCodec

__getattr__, __dir__, __all__ = lazy_exports(__name__)
