"""Frames of live pages: columns of the charts, and texts."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from streamlyt.core import Array
from streamlyt.core.component import component_name
from streamlyt.dashboards._data.deviations import BINS
from streamlyt.dashboards._data.downsampling import ReadableRun
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.html import badge, legend, plain_table
from streamlyt.dashboards._page.panel_selection import live_panels
from streamlyt.dashboards._page.series_section import result_sentence
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards._plotting.serialization import pack_frame
from streamlyt.dashboards._plotting.time_axis import TimeAxis
from streamlyt.dashboards.change_table import Changes

from .view import View, visible_rows

__all__ = [
    "AT",
    "Made",
    "build_frame",
    "changes_of",
    "drawing_key",
    "header_badges",
    "visible_panels",
]

AT = "series-0"  # prefix of all element names on a page of one series
EVENTS = 50  # rows of the table of changes, which is rewritten with each event

Made = Callable[[ReadableRun, str, int, int], list[Panel]]
"""Creates the panels of a series, given the numbers of points and of heat map columns."""


def changes_of(run: ReadableRun, key: str) -> Changes:
    """Return the table of changes, the newest first."""
    return Changes(run, key, EVENTS, newest=True)


def visible_panels(
    run: ReadableRun, view: View, create_panels: Made = live_panels
) -> tuple[list[Panel], TimeAxis, tuple[float, float]]:
    """Return the panels of a view, their axis, and its limits on the axis."""
    panels_of_series = create_panels(run, view.key, view.width, min(BINS, view.width))
    axis = changes_of(run, view.key).axis
    start, stop = visible_rows(run, view, axis)
    panels = [panel.for_rows(start, stop) for panel in panels_of_series]
    if view.left is not None and view.right is not None:
        return panels, axis, (view.left, view.right)
    return panels, axis, row_limits(run, view.key, axis, start, stop)


def row_limits(
    run: ReadableRun, key: str, axis: TimeAxis, start: int, stop: int
) -> tuple[float, float]:
    """Return the axis positions of the first row and of the last before ``stop``."""
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


def drawing_key(panels: Sequence[Panel], axis: TimeAxis) -> str:
    """Return the key of the drawn figures; if it changes, the page is redrawn."""
    drawn = [f"{component_name(panel)} {panel.redraw_key()}" for panel in panels]
    return "; ".join([axis.kind, axis.unit, *drawn])


def build_frame(
    snapshot: RunSnapshot,
    view: View,
    create_panels: Made = live_panels,
    process_status: Mapping[str, str] | None = None,
) -> bytes:
    """Return the complete frame of a view of one series."""
    panels, axis, (left, right) = visible_panels(snapshot, view, create_panels)
    table = changes_of(snapshot, view.key)
    sources: dict[str, dict[str, Array]] = {}
    texts = {}
    if process_status is not None:  # of a run; a process has no events
        texts[f"{AT}-list"] = table.html()
        texts["lead"] = escape(result_sentence(table))
        texts["pills"] = "".join(header_badges(snapshot, view.key, process_status))
    for panel in panels:
        data = panel.data()
        for name, columns in panel.data_sources(data).items():
            sources[panel.named(name)] = columns
        kind = f"{AT}-{component_name(panel).replace('_', '-')}"
        texts[f"{kind}-keys"] = legend(*panel.legend(data))
        for i, name in enumerate(panel.figure_names()):
            if name:
                texts[f"{kind}-{i}-name"] = panel.heading(name)
        if view.tables:
            texts[f"{kind}-table"] = plain_table(panel.table(), open_=True)
    header: dict[str, Any] = {
        "shape": drawing_key(panels, axis),
        "left": left,
        "right": right,
        "follows": view.follows,
        "over": process_status is not None and bool(snapshot.meta.get("complete")),
        "rows": snapshot.n_rows(view.key),
        "changes": len(table.events),
        "newest": newest_change(table),
        "texts": texts,
    }
    return pack_frame(header, sources)


def newest_change(table: Changes) -> str:
    """Return the newest change in a sentence, for screen readers."""
    if not table.events:
        return ""
    last = max(table.events, key=lambda e: e.alarm_index)
    where = ", ".join(last.channels[:2])
    began = table.axis.text(last.change_time, last.change_index)
    return f"Change detected at {began}" + (f", mainly in {where}." if where else ".")


def header_badges(run: ReadableRun, key: str, process_status: Mapping[str, str]) -> list[str]:
    """Return the badges of the header: changes, rows, channels and process metrics."""
    table = changes_of(run, key)
    n, n_channels = len(table.events), len(table.inputs)
    badges = [
        badge(f"{n:,}", "change" if n == 1 else "changes", "found" if n else ""),
        badge(f"{run.n_rows(key):,}", f"{table.schema.row_label}s"),
        badge(f"{n_channels:,}", "channel" if n_channels == 1 else "channels"),
    ]
    badges += [badge(name, "detector") for name in sorted({e.detector for e in table.events})]
    return badges + [badge(value, label) for label, value in process_status.items()]
