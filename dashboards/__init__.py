"""Views of what a run holds: one file, one panel; and the page that puts them together."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._feed import Following as Following
    from ._feed import Replay as Replay
    from ._forecasts import Drawn as Drawn
    from ._forecasts import write_forecasts as write_forecasts
    from ._guard import new_token as new_token
    from ._learning import write_learning as write_learning
    from ._panel import Panel as Panel
    from ._pulse import memory_mb as memory_mb
    from ._report import write_report as write_report
    from ._server import Dashboard as Dashboard
    from ._serving import live_pages as live_pages
    from ._serving import refuse_strangers as refuse_strangers
    from ._serving import serve_pages as serve_pages
    from .anomalies import Anomalies as Anomalies
    from .attribution import Attribution as Attribution
    from .change_points import ChangePoints as ChangePoints
    from .changes import Changes as Changes
    from .fields import Fields as Fields
    from .forecasts import Forecasts as Forecasts
    from .models import Models as Models
    from .observable import Observable as Observable
    from .throughput import Throughput as Throughput

__getattr__, __dir__, __all__ = lazy_names(__name__)
