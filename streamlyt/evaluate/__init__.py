"""How good a detector is: what is measured on streams and series whose changes are known."""

from typing import TYPE_CHECKING

from streamlyt._lazy import lazy_names

if TYPE_CHECKING:
    from .alarms import Matched as Matched
    from .alarms import RunLength as RunLength
    from .alarms import match_alarms as match_alarms
    from .alarms import run_length as run_length
    from .annotated import Annotated as Annotated
    from .annotated import read_annotated as read_annotated
    from .contenders import NEVER as NEVER
    from .contenders import PEERS as PEERS
    from .contenders import Contender as Contender
    from .contenders import Watch as Watch
    from .contenders import contender as contender
    from .dynamics import largest_exponent as largest_exponent
    from .dynamics import spectrum_distance as spectrum_distance
    from .forecasts import histogram_distance as histogram_distance
    from .forecasts import interval_score as interval_score
    from .forecasts import nrmse as nrmse
    from .forecasts import valid_rows as valid_rows
    from .harness import LawScore as LawScore
    from .harness import Plan as Plan
    from .harness import SeriesScore as SeriesScore
    from .harness import on_law as on_law
    from .harness import on_series as on_series
    from .progressive import Validation as Validation
    from .progressive import progressive_validation as progressive_validation
    from .segments import Annotations as Annotations
    from .segments import covering as covering
    from .segments import f1_score as f1_score
    from .segments import precision_recall as precision_recall
    from .streams import LAWS as LAWS
    from .streams import changing_rows as changing_rows
    from .streams import quiet_rows as quiet_rows

__getattr__, __dir__, __all__ = lazy_names(__name__)
