"""Panels of a series, in the order of the page."""

import numpy as np

from streamlyt.dashboards._data.deviations import ranking
from streamlyt.dashboards._data.downsampling import ReadableRun
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards.attribution import Attribution
from streamlyt.dashboards.channels import DRAWN, Observable
from streamlyt.dashboards.statistic import ChangePoints
from streamlyt.registry import component_names, get_component

__all__ = ["live_panels", "recorded_panels"]

# The table of changes is next to the charts, and process metrics have their own page.
_ELSEWHERE = ("change_table", "process_metrics")
_MADE_HERE = ("attribution", "channels", "statistic")


def recorded_panels(run: ReadableRun, key: str, points: int, bins: int) -> list[Panel]:
    """Return the panels of a complete series, with its channels of largest contribution."""
    attribution = Attribution(run, key, bins)
    return _sorted_panels(run, key, points, attribution, attribution.leading[:DRAWN])


def live_panels(run: ReadableRun, key: str, points: int, bins: int) -> list[Panel]:
    """Return the panels of a series that is still written.

    The channels are those of its events, else the first ones, so that they change only with an
    event.
    """
    attribution = Attribution(run, key, bins)
    no_deviation = np.zeros((1, len(attribution.inputs)))
    leading = ranking(no_deviation, attribution.schema, attribution.inputs, attribution.events)
    return _sorted_panels(run, key, points, attribution, leading[:DRAWN])


def _sorted_panels(
    run: ReadableRun, key: str, points: int, attribution: Attribution, channels: tuple[str, ...]
) -> list[Panel]:
    panels: list[Panel] = [
        ChangePoints(run, key, points),
        Observable(run, key, channels, points),
        attribution,
    ]
    for name in component_names("dashboards"):
        if name not in (*_ELSEWHERE, *_MADE_HERE):
            panels.append(get_component("dashboards", name)(run, key, points))
    return sorted(
        (panel for panel in panels if panel.is_applicable()), key=lambda panel: panel.order
    )
