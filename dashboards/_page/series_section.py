"""One series on the page: its table of changes, and its panels one under the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from streamlyt.core.component import component_name
from streamlyt.dashboards._data.downsampling import Run
from streamlyt.dashboards._panel import OFF_LINE, Panel
from streamlyt.dashboards._plotting.figures import time_range
from streamlyt.dashboards.change_table import Changes
from streamlyt.dashboards.statistic import ChangePoints

from .html import legend, panel_section, picture, plain_table
from .panel_selection import panels_of

__all__ = ["Section", "card_of", "ends_of", "finding_of", "section", "words_of"]

_POINTS, _BINS, _EVENTS = 1000, 300, 200  # at full detail: buckets a line, columns, table rows
_LEAST = 60  # of each, at any detail


@dataclass(frozen=True)
class Section:
    """What the page says and draws of one series.

    Parameters
    ----------
    number, key
        Which one.
    models
        Bokeh models by the name of their place.
    changes
        The table of changes as HTML.
    cards
        Cards with places for the models, each written ``{{name}}``.
    finding, note
        The result in a sentence, and what a reader should know beforehand.
    first, length, row, width
        Time of the first change, length in time, name of a row, number of channels.
    """

    number: int
    key: str
    models: dict[str, Any]
    changes: str
    cards: tuple[tuple[str, str, str, "tuple[str, ...]"], ...]
    finding: str
    note: str
    first: str
    length: str
    row: str
    width: int

    def html(self, divs: Mapping[str, str], alone: bool = False, side: bool = True) -> str:
        """Return the section, with the places of its models filled in.

        One that stands ``alone`` under a title with its name does not say it again. Without a
        ``side`` there is no table of changes.
        """
        name = f"series-{self.number}"
        plots = "".join(
            panel_section(
                f"{name}-{kind}", name, title, about, "".join(divs.get(p, p) for p in parts)
            )
            for kind, title, about, parts in self.cards
        )
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        seen = ' class="unseen"' if alone else ""
        heading = f'<h2 id="{name}"{seen}>{escape(self.key) or "The run"}</h2>'
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


def section(run: Run, key: str, number: int, detail: float, brief: bool = False) -> Section:
    """Draw one series with its curves at ``detail`` (0 to 1) of the full number of points.

    If ``brief`` and nothing was found in it, its statistic is all that is drawn.
    """
    points, bins, most = (max(_LEAST, int(n * detail)) for n in (_POINTS, _BINS, _EVENTS))
    table = Changes(run, key, most)
    models: dict[str, Any] = {}
    cards: list[tuple[str, str, str, tuple[str, ...]]] = []
    note = ""
    if run.n_rows(key):
        shared = time_range(*ends_of(table))
        curve = ChangePoints(run, key, points)
        if table.detected:
            note = _note(curve)
        alone = brief and not curve.events and curve.worth_drawing()
        for panel in [curve] if alone else panels_of(run, key, points, bins):
            if isinstance(panel, ChangePoints) and not panel.worth_drawing():
                continue
            cards.append(card_of(panel, f"series-{number}", shared, models))
    return _made(key, number, table, models, cards, note)


def card_of(
    panel: Panel, at: str, shared: Any, models: dict[str, Any]
) -> tuple[str, str, str, tuple[str, ...]]:
    """Draw a panel; put its figures into ``models`` and return its card.

    The card is its name, heading and how to read it, and its HTML in parts, in which the name of
    a figure stands for its place.
    """
    kind = component_name(panel).replace("_", "-")
    for i, figure in enumerate(panel.figures(shared).values()):
        models[f"{at}-{kind}-{i}"] = figure
    return words_of(panel, at)


def words_of(panel: Panel, at: str) -> tuple[str, str, str, tuple[str, ...]]:
    """Return the card of a panel whose figures are drawn elsewhere, as :func:`card_of` does."""
    kind = component_name(panel).replace("_", "-")
    parts = [f'<div id="{at}-{kind}-keys">{legend(*panel.legend(panel.data()))}</div>']
    for i, name in enumerate(panel.figure_names()):
        place = f"{at}-{kind}-{i}"
        if name:
            parts.append(f'<h4 id="{place}-name">{panel.heading(name)}</h4>')
        label = (
            f"{panel.alt_text.replace('Chart', f'Chart of {name}', 1) if name else panel.alt_text}"
        )
        before, after = picture("\0", label).split("\0")
        parts += [before, place, after]
    parts.append(f'<div id="{at}-{kind}-table">{plain_table(panel.table())}</div>')
    return f"{kind}-card", panel.title, panel.description, tuple(parts)


def _made(
    key: str,
    number: int,
    table: Changes,
    models: dict[str, Any],
    cards: list[tuple[str, str, str, tuple[str, ...]]],
    note: str,
) -> Section:
    found = table.events
    first = table.axis.text(found[0].change_time, found[0].change_index) if found else ""
    return Section(
        number,
        key,
        models,
        table.html(),
        tuple(cards),
        finding_of(table),
        note,
        first,
        table.axis.span_text(*table.time_range),
        table.schema.row_label,
        len(table.inputs),
    )


def ends_of(panel: Panel) -> tuple[float, float]:
    """Return the places of the first row and the last."""
    rows = [panel.schema.first_row, panel.schema.source_row(panel.run.n_rows(panel.key) - 1)]
    left, right = panel.axis.place(panel.time_range, rows)
    return float(left), float(right)


def finding_of(table: Changes) -> str:
    """Return the result in one sentence."""
    n = table.run.n_rows(table.key)
    length = table.axis.span_text(*table.time_range)
    whole = f"{n:,} {table.schema.row_label}{'' if n == 1 else 's'}" + (
        f" ({length})" if length else ""
    )
    found = table.events
    if not found:
        if not table.detected:
            return f"{whole}; no detector watches."
        return _quiet(table, whole) if table.in_warmup else f"No change found in {whole}."
    told = [table.axis.text(e.change_time, e.change_index) for e in found]
    if len(found) == 1:
        return f"1 change found in {whole}. It began at {told[0]}."
    return f"{len(found):,} changes found in {whole}, from {told[0]} to {told[-1]}."


def _quiet(table: Changes, whole: str) -> str:
    """Return how it stands with a detector that has not learnt yet what is usual."""
    if table.run.meta.get("complete"):
        return f"No change could be found in {whole}: the detector was still learning."
    needed = int(table.run.meta.get("learning") or 0)
    until = (
        f" before {table.schema.row_label} {table.schema.source_row(needed):,}"
        if needed
        else " yet"
    )
    return f"The detector still learns what is usual: no alarm is possible{until}. So far {whole}."


def _note(curve: ChangePoints) -> str:
    """Return what a reader must know of a run that ended before the detector had learnt."""
    if np.isfinite(curve.data()["threshold"]).any():
        return ""
    short = "The run ended while the detector was still learning: no alarm could be raised on line."
    if any(e.detector in OFF_LINE for e in curve.events):
        short += (
            " The change shown was found afterwards, by comparing the rows before and after "
            "every moment of the whole run."
        )
    return short
