"""Section of one series: table of changes and panels."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from streamlyt.core.component import component_name
from streamlyt.dashboards._data.downsampling import ReadableRun
from streamlyt.dashboards._panel import OFFLINE_DETECTORS, Panel
from streamlyt.dashboards._plotting.figures import time_range
from streamlyt.dashboards.change_table import Changes
from streamlyt.dashboards.statistic import ChangePoints

from .html import legend, panel_section, picture, plain_table
from .panel_selection import recorded_panels

__all__ = ["Section", "axis_limits", "describe_card", "draw_card", "result_sentence", "section"]

_POINTS, _BINS, _EVENTS = 1000, 300, 200  # at full detail: buckets per line, columns, table rows
_MIN_DETAIL = 60  # minimum of each at any detail


@dataclass(frozen=True)
class Section:
    """Texts and figures of one series.

    Parameters
    ----------
    number, key
        Index and key of the series.
    models
        Bokeh models by the name of their placeholder.
    changes
        The table of changes as HTML.
    cards
        Panels as HTML parts, in which the name of a model is its placeholder.
    result, note
        The result in one sentence, and a note for the reader.
    first, length, row, n_channels
        Time of the first change, duration, label of a row, number of channels.
    """

    number: int
    key: str
    models: dict[str, Any]
    changes: str
    cards: tuple[tuple[str, str, str, "tuple[str, ...]"], ...]
    result: str
    note: str
    first: str
    length: str
    row: str
    n_channels: int

    def html(self, divs: Mapping[str, str], alone: bool = False, side: bool = True) -> str:
        """Return the section with its placeholders filled.

        ``alone`` hides the heading, as the page title has the key. Without ``side`` the table of
        changes is omitted.
        """
        name = f"series-{self.number}"
        plots = "".join(
            panel_section(
                f"{name}-{kind}", name, title, about, "".join(divs.get(p, p) for p in parts)
            )
            for kind, title, about, parts in self.cards
        )
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        hidden = ' class="unseen"' if alone else ""
        heading = f'<h2 id="{name}"{hidden}>{escape(self.key) or "The run"}</h2>'
        changes = (
            f'<section class="side card" tabindex="0" aria-labelledby="{name} {name}-changes">'
            f'<h3 id="{name}-changes">Changes</h3><div id="{name}-list">{self.changes}</div>'
            "</section>"
        )
        return (
            f'<section class="series" aria-labelledby="{name}">{heading}{note}'
            f'<div class="columns{"" if side else " alone"}">{changes if side else ""}'
            f'<div class="plots">{plots}</div></div></section>'
        )


def section(run: ReadableRun, key: str, number: int, detail: float, brief: bool = False) -> Section:
    """Draw one series with its curves at ``detail`` (0 to 1) of the full number of points.

    If ``brief`` and the series has no event, only its statistic is drawn.
    """
    points, bins, max_events = (
        max(_MIN_DETAIL, int(n * detail)) for n in (_POINTS, _BINS, _EVENTS)
    )
    table = Changes(run, key, max_events)
    models: dict[str, Any] = {}
    cards: list[tuple[str, str, str, tuple[str, ...]]] = []
    note = ""
    if run.n_rows(key):
        shared = time_range(*axis_limits(table))
        curve = ChangePoints(run, key, points)
        if table.detected:
            note = _note(curve)
        alone = brief and not curve.events and curve.has_content()
        for panel in [curve] if alone else recorded_panels(run, key, points, bins):
            if isinstance(panel, ChangePoints) and not panel.has_content():
                continue
            cards.append(draw_card(panel, f"series-{number}", shared, models))
    return _build(key, number, table, models, cards, note)


def draw_card(
    panel: Panel, at: str, shared: Any, models: dict[str, Any]
) -> tuple[str, str, str, tuple[str, ...]]:
    """Draw a panel; put its figures into ``models`` and return its card.

    The card has its name, title and description, and its HTML in parts, in which the name of a
    figure is its placeholder.
    """
    kind = component_name(panel).replace("_", "-")
    for i, figure in enumerate(panel.figures(shared).values()):
        models[f"{at}-{kind}-{i}"] = figure
    return describe_card(panel, at)


def describe_card(panel: Panel, at: str) -> tuple[str, str, str, tuple[str, ...]]:
    """Return the card of a panel, as :func:`draw_card` does, without drawing its figures."""
    kind = component_name(panel).replace("_", "-")
    parts = [f'<div id="{at}-{kind}-keys">{legend(*panel.legend(panel.data()))}</div>']
    for i, name in enumerate(panel.figure_names()):
        element = f"{at}-{kind}-{i}"
        if name:
            parts.append(f'<h4 id="{element}-name">{panel.heading(name)}</h4>')
        label = (
            f"{panel.alt_text.replace('Chart', f'Chart of {name}', 1) if name else panel.alt_text}"
        )
        before, after = picture("\0", label).split("\0")
        parts += [before, element, after]
    parts.append(f'<div id="{at}-{kind}-table">{plain_table(panel.table())}</div>')
    return f"{kind}-card", panel.title, panel.description, tuple(parts)


def _build(
    key: str,
    number: int,
    table: Changes,
    models: dict[str, Any],
    cards: list[tuple[str, str, str, tuple[str, ...]]],
    note: str,
) -> Section:
    events = table.events
    first = table.axis.text(events[0].change_time, events[0].change_index) if events else ""
    return Section(
        number,
        key,
        models,
        table.html(),
        tuple(cards),
        result_sentence(table),
        note,
        first,
        table.axis.span_text(*table.time_range),
        table.schema.row_label,
        len(table.inputs),
    )


def axis_limits(panel: Panel) -> tuple[float, float]:
    """Return the axis positions of the first and the last row."""
    rows = [panel.schema.first_row, panel.schema.source_row(panel.run.n_rows(panel.key) - 1)]
    left, right = panel.axis.place(panel.time_range, rows)
    return float(left), float(right)


def result_sentence(table: Changes) -> str:
    """Return the result in one sentence."""
    n = table.run.n_rows(table.key)
    length = table.axis.span_text(*table.time_range)
    extent = f"{n:,} {table.schema.row_label}{'' if n == 1 else 's'}" + (
        f" ({length})" if length else ""
    )
    events = table.events
    if not events:
        if not table.detected:
            return f"{extent}; no detector in this pipeline."
        return (
            _warmup_sentence(table, extent)
            if table.in_warmup
            else f"No change detected in {extent}."
        )
    times = [table.axis.text(e.change_time, e.change_index) for e in events]
    if len(events) == 1:
        return f"1 change detected in {extent}, at {times[0]}."
    return f"{len(events):,} changes detected in {extent}, from {times[0]} to {times[-1]}."


def _warmup_sentence(table: Changes, extent: str) -> str:
    """Return the result while the detector is in warm-up."""
    if table.run.meta.get("complete"):
        return f"No change could be detected in {extent}: the run ended during warm-up."
    needed = int(table.run.meta.get("learning") or 0)
    until = (
        f" before {table.schema.row_label} {table.schema.source_row(needed):,}"
        if needed
        else " yet"
    )
    return f"Detector warm-up: no alarms{until}. Rows so far: {extent}."


def _note(curve: ChangePoints) -> str:
    """Return the note about a run that ended during the warm-up of its detector."""
    if np.isfinite(curve.data()["threshold"]).any():
        return ""
    note = "The run ended during the warm-up of the detector: no online alarm was possible."
    if any(e.detector in OFFLINE_DETECTORS for e in curve.events):
        note += (
            " The change shown is the best offline split: the rows before and after every row of "
            "the complete run are compared."
        )
    return note
