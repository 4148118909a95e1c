"""Dashboard pages of a daemon, connected to its run file and its engine."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from streamlyt.dashboards import DashboardApp, dashboard_routes, memory_mb, require_token_if_public
from streamlyt.engines import RunMetrics

__all__ = ["pages_of"]


def pages_of(
    names: Sequence[str], tokens: Path | None, run: Path, metrics: RunMetrics, host: str
) -> DashboardApp:
    """Return the dashboard pages of a daemon.

    Raises
    ------
    ParameterError
        If the token file cannot be read, or the host is public and no token file is given.
    """
    require_token_if_public(host, tokens)
    return dashboard_routes(run, partial(_process_metrics, metrics), names, tokens)


def _process_metrics(metrics: RunMetrics) -> dict[str, float]:
    values: dict[str, float | None] = {
        "rows": metrics.rows,
        "lag": metrics.lag,
        "queue": metrics.queued_rows,
        "memory": memory_mb(),
    }
    if metrics.last_checkpoint_at is not None:
        values["checkpoint"] = monotonic() - metrics.last_checkpoint_at
    return {name: float(value) for name, value in values.items() if value is not None}
