"""Which panels a series has, from the top of its page down."""

import numpy as np

from streamlyt.catalog import find, names

from ._buckets import Run
from ._movement import ranking
from ._panel import Panel
from .attribution import Attribution
from .change_points import ChangePoints
from .observable import DRAWN, Observable

__all__ = ["panels_of", "steady_panels_of"]

# The table of changes stands beside the pictures, and the health of a process is no series.
_ELSEWHERE = ("changes", "throughput")
_MADE_HERE = ("attribution", "change_points", "observable")


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
    for name in names("dashboards"):
        if name not in (*_ELSEWHERE, *_MADE_HERE):
            made.append(find("dashboards", name)(run, key, points))
    return sorted((panel for panel in made if panel.fits()), key=lambda panel: panel.order)
