"""Operators that turn rows into rows: missing values, scaling, order and windows."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .count_window import CountWindow as CountWindow
    from .deduplicate import Deduplicate as Deduplicate
    from .delay_embedding import DelayEmbedding as DelayEmbedding
    from .missing_values import MissingValues as MissingValues
    from .reorder import Reorder as Reorder
    from .robust_scaler import RobustScaler as RobustScaler
    from .session_window import SessionWindow as SessionWindow
    from .sliding_window import SlidingWindow as SlidingWindow
    from .tumbling_window import TumblingWindow as TumblingWindow

__getattr__, __dir__, __all__ = lazy_exports(__name__)
