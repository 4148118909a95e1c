"""A real Kafka broker on this machine, for trying out and for the tests."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._broker import Broker
    from ._jars import missing

__all__ = ["Broker", "missing"]

_HOMES = {"Broker": "_broker", "missing": "_jars"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
