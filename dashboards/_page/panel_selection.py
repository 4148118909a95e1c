"""Which panels a series has, from the top of its page down."""

import numpy as np

from streamlyt.dashboards._data.deviations import ranking
from streamlyt.dashboards._data.downsampling import Run
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards.attribution import Attribution
from streamlyt.dashboards.channels import DRAWN, Observable
from streamlyt.dashboards.statistic import ChangePoints
from streamlyt.registry import component_names, get_component

__all__ = ["panels_of", "steady_panels_of"]

# The table of changes stands beside the pictures, and the health of a process is no series.
_ELSEWHERE = ("change_table", "process_metrics")
_MADE_HERE = ("attribution", "channels", "statistic")


def panels_of(run: Run, key: str, points: int, bins: int) -> list[Panel]:
    """Return the panels of a whole series: its channels are those that moved most in it."""
    moved = Attribution(run, key, bins)
    return _in_order(run, key, points, moved, moved.leading[:DRAWN])


def steady_panels_of(run: Run, key: str, points: int, bins: int) -> list[Panel]:
    """Return the panels of a series that grows.

    The channels are those of its findings, else the first: they stay until something is found.
    """
    moved = Attribution(run, key, bins)
    still = np.zeros((1, len(moved.inputs)))
    leading = ranking(still, moved.schema, moved.inputs, moved.events)
    return _in_order(run, key, points, moved, leading[:DRAWN])


def _in_order(
    run: Run, key: str, points: int, moved: Attribution, channels: tuple[str, ...]
) -> list[Panel]:
    made: list[Panel] = [
        ChangePoints(run, key, points),
        Observable(run, key, channels, points),
        moved,
    ]
    for name in component_names("dashboards"):
        if name not in (*_ELSEWHERE, *_MADE_HERE):
            made.append(get_component("dashboards", name)(run, key, points))
    return sorted((panel for panel in made if panel.is_applicable()), key=lambda panel: panel.order)
