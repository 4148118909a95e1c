"""Views of what a run holds: one file, one panel; and the page that puts them together."""

from streamlyt._lazy import lazy_names

_HOMES = {
    "Attribution": "attribution",
    "ChangePoints": "change_points",
    "Changes": "changes",
    "Observable": "observable",
    "Panel": "_panel",
    "write_report": "_report",
}

__all__ = sorted(_HOMES)

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
