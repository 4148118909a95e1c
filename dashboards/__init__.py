"""Panels, reports and live pages of a run; one file per panel."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from ._panel import Panel as Panel
    from ._report.forecast_report import ForecastPlotData as ForecastPlotData
    from ._report.forecast_report import write_forecast_report as write_forecast_report
    from ._report.learning_report import write_learning_report as write_learning_report
    from ._report.run_report import write_report as write_report
    from ._server.app import DashboardApp as DashboardApp
    from ._server.auth import create_token as create_token
    from ._server.process_run import memory_mb as memory_mb
    from ._server.run_feed import LiveRunFeed as LiveRunFeed
    from ._server.run_feed import ReplayFeed as ReplayFeed
    from ._server.standalone import dashboard_routes as dashboard_routes
    from ._server.standalone import require_token_if_public as require_token_if_public
    from ._server.standalone import serve_dashboard as serve_dashboard
    from .anomaly_rate import Anomalies as Anomalies
    from .attribution import Attribution as Attribution
    from .change_table import Changes as Changes
    from .channels import Observable as Observable
    from .field_heatmap import Fields as Fields
    from .forecasts import Forecasts as Forecasts
    from .prediction_error import Models as Models
    from .process_metrics import Throughput as Throughput
    from .statistic import ChangePoints as ChangePoints

__getattr__, __dir__, __all__ = lazy_exports(__name__)
