"""The live pages of a daemon, wired to its run file and its engine."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from streamlyt.dashboards import DashboardApp, dashboard_routes, memory_mb, require_token_if_public
from streamlyt.engines import RunMetrics

__all__ = ["pages_of"]


def pages_of(
    names: Sequence[str], tokens: Path | None, run: Path, gauges: RunMetrics, host: str
) -> DashboardApp:
    """Return the live pages of a daemon.

    Raises
    ------
    ParameterError
        If the tokens cannot be read, or pages that are open to others ask for none.
    """
    require_token_if_public(host, tokens)
    return dashboard_routes(run, partial(_told, gauges), names, tokens)


def _told(gauges: RunMetrics) -> dict[str, float]:
    told: dict[str, float | None] = {
        "rows": gauges.rows,
        "lag": gauges.lag,
        "queue": gauges.queued_rows,
        "memory": memory_mb(),
    }
    if gauges.last_checkpoint_at is not None:
        told["checkpoint"] = monotonic() - gauges.last_checkpoint_at
    return {name: float(value) for name, value in told.items() if value is not None}
