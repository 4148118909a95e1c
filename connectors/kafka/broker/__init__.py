"""A real Kafka broker on this machine, for trying out and for the tests."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._download import unavailable_reason as unavailable_reason
    from ._process import LocalBroker as LocalBroker

__getattr__, __dir__, __all__ = lazy_exports(__name__)
