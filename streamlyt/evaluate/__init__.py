"""Evaluation of detectors, forecasts and learners on data with known truth."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .alarm_metrics import AlarmMatches as AlarmMatches
    from .alarm_metrics import RunLength as RunLength
    from .alarm_metrics import match_alarms as match_alarms
    from .alarm_metrics import run_length as run_length
    from .annotated_series import AnnotatedSeries as AnnotatedSeries
    from .annotated_series import load_annotated as load_annotated
    from .benchmark import BenchmarkPlan as BenchmarkPlan
    from .benchmark import SeriesScore as SeriesScore
    from .benchmark import SyntheticScore as SyntheticScore
    from .benchmark import score_on_generator as score_on_generator
    from .benchmark import score_on_series as score_on_series
    from .candidates import NO_ALARM as NO_ALARM
    from .candidates import RIVER_BASELINES as RIVER_BASELINES
    from .candidates import Candidate as Candidate
    from .candidates import CandidateRun as CandidateRun
    from .candidates import candidate as candidate
    from .dynamics_metrics import largest_lyapunov_exponent as largest_lyapunov_exponent
    from .dynamics_metrics import spectrum_distance as spectrum_distance
    from .forecast_metrics import histogram_distance as histogram_distance
    from .forecast_metrics import interval_score as interval_score
    from .forecast_metrics import nrmse as nrmse
    from .forecast_metrics import valid_prediction_steps as valid_prediction_steps
    from .progressive import ProgressiveValidationResult as ProgressiveValidationResult
    from .progressive import progressive_validation as progressive_validation
    from .segmentation_metrics import Annotations as Annotations
    from .segmentation_metrics import covering as covering
    from .segmentation_metrics import f1_score as f1_score
    from .segmentation_metrics import precision_recall as precision_recall
    from .synthetic_streams import GENERATORS as GENERATORS
    from .synthetic_streams import change_stream as change_stream
    from .synthetic_streams import no_change_stream as no_change_stream

__getattr__, __dir__, __all__ = lazy_exports(__name__)
