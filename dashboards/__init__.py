"""Views of what a run holds: one file, one panel; and the page that puts them together."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._forecasts import Drawn as Drawn
    from ._forecasts import write_forecasts as write_forecasts
    from ._learning import write_learning as write_learning
    from ._panel import Panel as Panel
    from ._report import write_report as write_report
    from .attribution import Attribution as Attribution
    from .change_points import ChangePoints as ChangePoints
    from .changes import Changes as Changes
    from .observable import Observable as Observable

__getattr__, __dir__, __all__ = lazy_names(__name__)
