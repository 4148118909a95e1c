"""The live pages of a daemon, wired to its run file and its engine."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from streamlyt.dashboards import Dashboard, live_pages, memory_mb, refuse_strangers
from streamlyt.engines import Gauges

__all__ = ["pages_of"]


def pages_of(
    names: Sequence[str], tokens: Path | None, run: Path, gauges: Gauges, host: str
) -> Dashboard:
    """Return the live pages of a daemon.

    Raises
    ------
    ParameterError
        If the tokens cannot be read, or pages that are open to others ask for none.
    """
    refuse_strangers(host, tokens)
    return live_pages(run, partial(_told, gauges), names, tokens)


def _told(gauges: Gauges) -> dict[str, float]:
    told: dict[str, float | None] = {
        "rows": gauges.rows,
        "lag": gauges.lag,
        "queue": gauges.queued_rows,
        "memory": memory_mb(),
    }
    if gauges.checkpoint_at is not None:
        told["checkpoint"] = monotonic() - gauges.checkpoint_at
    return {name: float(value) for name, value in told.items() if value is not None}
