"""Event time: rows put back in order, and one row for all those of a window."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .count import Count as Count
    from .ordered import Ordered as Ordered
    from .session import Session as Session
    from .sliding import Sliding as Sliding
    from .tumbling import Tumbling as Tumbling

__getattr__, __dir__, __all__ = lazy_names(__name__)
