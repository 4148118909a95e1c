"""Views of what a run holds: one file, one panel; and the page that puts them together."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from ._panel import Panel
    from ._report import write_report
    from .attribution import Attribution
    from .change_points import ChangePoints
    from .changes import Changes
    from .observable import Observable

__all__ = ["Attribution", "ChangePoints", "Changes", "Observable", "Panel", "write_report"]

_HOMES = {
    "Attribution": "attribution",
    "ChangePoints": "change_points",
    "Changes": "changes",
    "Observable": "observable",
    "Panel": "_panel",
    "write_report": "_report",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
