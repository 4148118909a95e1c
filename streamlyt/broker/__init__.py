"""A real Kafka broker on this machine, for trying out and for the tests."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._broker import Broker as Broker
    from ._jars import missing as missing

__getattr__, __dir__, __all__ = lazy_names(__name__)
