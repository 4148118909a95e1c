"""What a live page is sent: the columns of its pictures, and its words."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from streamlyt.core import Array
from streamlyt.core.component import component_name
from streamlyt.dashboards._data.deviations import BINS
from streamlyt.dashboards._data.downsampling import Run
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.html import badge, legend, plain_table
from streamlyt.dashboards._page.panel_selection import steady_panels_of
from streamlyt.dashboards._page.series_section import finding_of
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards._plotting.serialization import pack_frame
from streamlyt.dashboards._plotting.time_axis import TimeAxis
from streamlyt.dashboards.change_table import Changes

from .view import View, rows_of

__all__ = ["AT", "Made", "changes_of", "frame_of", "pills_of", "shape_of", "views_of"]

AT = "series-0"  # what the names of all places on a page of one series begin with
EVENTS = 50  # rows of the table of changes: it is written anew with each finding

Made = Callable[[Run, str, int, int], list[Panel]]
"""Makes the panels of a series, for so many points and columns of a heat map."""


def changes_of(run: Run, key: str) -> Changes:
    """Return the table of changes, the newest first."""
    return Changes(run, key, EVENTS, newest=True)


def views_of(
    run: Run, view: View, made: Made = steady_panels_of
) -> tuple[list[Panel], TimeAxis, tuple[float, float]]:
    """Return the panels of what a view shows, their axis, and the ends of what it shows."""
    whole = made(run, view.key, view.width, min(BINS, view.width))
    axis = changes_of(run, view.key).axis
    start, stop = rows_of(run, view, axis)
    panels = [panel.for_rows(start, stop) for panel in whole]
    if view.left is not None and view.right is not None:
        return panels, axis, (view.left, view.right)
    return panels, axis, ends_of_rows(run, view.key, axis, start, stop)


def ends_of_rows(run: Run, key: str, axis: TimeAxis, start: int, stop: int) -> tuple[float, float]:
    """Return the places of the first row and of the last before ``stop``."""
    schema = run.schema(key)
    name = schema.channel_names[-1:]
    if stop <= start:
        return 0.0, 1.0
    times = [
        int(run.downsample(key, name, points=1, start=row, stop=row + 1).times[-1])
        for row in (start, stop - 1)
    ]
    left, right = axis.place(times, [schema.source_row(row) for row in (start, stop - 1)])
    return float(left), float(right) if right > left else float(left) + 1.0


def shape_of(panels: Sequence[Panel], axis: TimeAxis) -> str:
    """Return what the figures of a page were made for; for anything else they are made anew."""
    drawn = [f"{component_name(panel)} {panel.redraw_key()}" for panel in panels]
    return "; ".join([axis.kind, axis.unit, *drawn])


def frame_of(
    look: RunSnapshot,
    view: View,
    made: Made = steady_panels_of,
    pulse: Mapping[str, str] | None = None,
) -> bytes:
    """Return all that a page of one series needs to show a view."""
    panels, axis, (left, right) = views_of(look, view, made)
    table = changes_of(look, view.key)
    sources: dict[str, dict[str, Array]] = {}
    texts = {}
    if pulse is not None:  # of a run; a process has no findings
        texts[f"{AT}-list"] = table.html()
        texts["lead"] = escape(finding_of(table))
        texts["pills"] = "".join(pills_of(look, view.key, pulse))
    for panel in panels:
        seen = panel.data()
        for name, columns in panel.data_sources(seen).items():
            sources[panel.named(name)] = columns
        kind = f"{AT}-{component_name(panel).replace('_', '-')}"
        texts[f"{kind}-keys"] = legend(*panel.legend(seen))
        for i, name in enumerate(panel.figure_names()):
            if name:
                texts[f"{kind}-{i}-name"] = panel.heading(name)
        if view.tables:
            texts[f"{kind}-table"] = plain_table(panel.table(), open_=True)
    told: dict[str, Any] = {
        "shape": shape_of(panels, axis),
        "left": left,
        "right": right,
        "follows": view.follows,
        "over": pulse is not None and bool(look.meta.get("complete")),
        "rows": look.n_rows(view.key),
        "changes": len(table.events),
        "newest": newest_of(table),
        "texts": texts,
    }
    return pack_frame(told, sources)


def newest_of(table: Changes) -> str:
    """Return the newest change in a sentence, for those who hear the page."""
    if not table.events:
        return ""
    last = max(table.events, key=lambda e: e.alarm_index)
    where = ", ".join(last.channels[:2])
    began = table.axis.text(last.change_time, last.change_index)
    return f"Change found: it began at {began}" + (f", most in {where}." if where else ".")


def pills_of(run: Run, key: str, pulse: Mapping[str, str]) -> list[str]:
    """Return the facts of the header: changes, rows, channels, and how the process is."""
    table = changes_of(run, key)
    n, width = len(table.events), len(table.inputs)
    pills = [
        badge(f"{n:,}", "change" if n == 1 else "changes", "found" if n else ""),
        badge(f"{run.n_rows(key):,}", f"{table.schema.row_label}s"),
        badge(f"{width:,}", "channel" if width == 1 else "channels"),
    ]
    pills += [badge(name, "detector") for name in sorted({e.detector for e in table.events})]
    return pills + [badge(value, label) for label, value in pulse.items()]
