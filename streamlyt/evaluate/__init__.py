"""How good a detector is: what is measured on streams and series whose changes are known."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .alarms import Matched, RunLength, match_alarms, run_length
    from .annotated import Annotated, read_annotated
    from .contenders import NEVER, PEERS, Contender, Watch, contender
    from .forecasts import histogram_distance, interval_score, nrmse, valid_rows
    from .harness import LawScore, Plan, SeriesScore, on_law, on_series
    from .segments import Annotations, covering, f1_score, precision_recall
    from .streams import LAWS, changing_rows, quiet_rows

__all__ = [
    "LAWS",
    "NEVER",
    "PEERS",
    "Annotated",
    "Annotations",
    "Contender",
    "LawScore",
    "Matched",
    "Plan",
    "RunLength",
    "SeriesScore",
    "Watch",
    "changing_rows",
    "contender",
    "covering",
    "f1_score",
    "histogram_distance",
    "interval_score",
    "match_alarms",
    "nrmse",
    "on_law",
    "on_series",
    "precision_recall",
    "quiet_rows",
    "read_annotated",
    "run_length",
    "valid_rows",
]

_HOMES = {
    "Annotated": "annotated",
    "Annotations": "segments",
    "Contender": "contenders",
    "LAWS": "streams",
    "LawScore": "harness",
    "Matched": "alarms",
    "NEVER": "contenders",
    "PEERS": "contenders",
    "Plan": "harness",
    "RunLength": "alarms",
    "SeriesScore": "harness",
    "Watch": "contenders",
    "changing_rows": "streams",
    "contender": "contenders",
    "covering": "segments",
    "f1_score": "segments",
    "match_alarms": "alarms",
    "on_law": "harness",
    "on_series": "harness",
    "precision_recall": "segments",
    "quiet_rows": "streams",
    "read_annotated": "annotated",
    "run_length": "alarms",
    "histogram_distance": "forecasts",
    "interval_score": "forecasts",
    "nrmse": "forecasts",
    "valid_rows": "forecasts",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
