"""How good a detector is: what is measured on streams and series whose changes are known."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .alarms import Matched, RunLength, match_alarms, run_length
    from .segments import covering, f1_score, precision_recall

__all__ = [
    "Matched",
    "RunLength",
    "covering",
    "f1_score",
    "match_alarms",
    "precision_recall",
    "run_length",
]

_HOMES = {
    "Matched": "alarms",
    "RunLength": "alarms",
    "covering": "segments",
    "f1_score": "segments",
    "match_alarms": "alarms",
    "precision_recall": "segments",
    "run_length": "alarms",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
