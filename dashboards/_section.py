"""One series on the page: its table of changes, and its panels one under the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ._canvas import time_range
from ._marks import extent_of
from ._page import card, legend, picture, plain_table
from ._panel import OFF_LINE, Panel, Run
from .attribution import Attribution
from .change_points import ChangePoints
from .changes import Changes
from .observable import DRAWN, Observable

__all__ = ["Section", "section"]

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

    def html(self, divs: Mapping[str, str], alone: bool = False) -> str:
        """Return the section, with the places of its models filled in.

        One that stands ``alone`` under a title with its name does not say it again.
        """
        name = f"series-{self.number}"
        plots = "".join(
            card(f"{name}-{kind}", name, title, about, "".join(divs.get(p, p) for p in parts))
            for kind, title, about, parts in self.cards
        )
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        seen = ' class="unseen"' if alone else ""
        heading = f'<h2 id="{name}"{seen}>{escape(self.key) or "The run"}</h2>'
        return (
            f'<section class="series" aria-labelledby="{name}">{heading}{note}'
            f'<div class="columns"><section class="side card" tabindex="0" '
            f'aria-labelledby="{name} {name}-changes"><h3 id="{name}-changes">Changes</h3>'
            f"{self.changes}</section>"
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
        left, right = _ends(table)
        shared = time_range(left, right)
        at = f"series-{number}"
        curve = ChangePoints(run, key, points)
        if table.detected:
            note = _note(curve)
        if curve.worth_drawing():
            models[f"{at}-statistic"] = curve.figure(shared)
            cards.append(("statistic-card", curve.title, curve.about, _statistic(at, curve)))
        if brief and cards and not curve.events:
            return _made(key, number, table, models, cards, note)
        moved = Attribution(run, key, bins)
        seen = Observable(run, key, moved.leading[:DRAWN], points)
        parts: list[str] = []
        for i, (name, plot) in enumerate(seen.figures(shared).items()):
            models[f"{at}-channel-{i}"] = plot
            parts += _channel(at, i, name, seen)
        parts.append(plain_table(seen.table()))
        cards.append(("observable-card", seen.title, seen.about, tuple(parts)))
        models[f"{at}-moved"] = moved.figure(shared)
        cards.append(("moved-card", moved.title, moved.about, _moved(at, moved)))
    return _made(key, number, table, models, cards, note)


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
        _finding(table),
        note,
        first,
        table.axis.span_text(*table.ends),
        table.schema.row,
        len(table.inputs),
    )


def _ends(panel: Panel) -> tuple[float, float]:
    """Return the places of the first row and the last."""
    rows = [panel.schema.first_row, panel.schema.row_number(panel.run.n_rows(panel.key) - 1)]
    left, right = panel.axis.place(panel.ends, rows)
    return float(left), float(right)


def _statistic(at: str, curve: ChangePoints) -> tuple[str, ...]:
    keys = [("key statistic", "statistic"), ("key threshold", "threshold")]
    if len(curve.learning(curve.columns())[0]):
        keys.append(("key learning", "learning: no alarm possible"))
    if curve.events:
        keys += [("key change", "change began (estimate)")]
    if any(e.detector not in OFF_LINE for e in curve.events):
        keys += [("key alarm", "alarm")]
    label = "Chart of the statistic against its threshold over time. Its numbers follow as a table."
    return (
        legend(*keys),
        *_framed(f"{at}-statistic", label),
        plain_table(curve.table()),
    )


def _channel(at: str, i: int, name: str, seen: Observable) -> tuple[str, ...]:
    channel = next(c for c in seen.schema.channels if c.name == name)
    extra = [text for text in (channel.unit, channel.group) if text and text not in name]
    told = f" <small>({escape(', '.join(extra))})</small>" if extra else ""
    dot = f'<span class="dot" style="background:var(--series-{i % 4 + 1})"></span>'
    label = f"Chart of {name} over time. The numbers of all channels drawn follow as a table."
    return (f"<h4>{dot}{escape(name)}{told}</h4>", *_framed(f"{at}-channel-{i}", label))


def _moved(at: str, moved: Attribution) -> tuple[str, ...]:
    drawn = moved.columns()
    most, shown, known = extent_of(drawn["grid"]), len(drawn["groups"]), len(moved.moved[0])
    of = f"{shown} of {known:,} groups, those that moved furthest" if shown < known else ""
    keys = [("scale", f"1 σ to {most:.0f} σ and more")]
    rest = [("key change", "change began")] if moved.events else []
    rest += [("", of)] if of else []
    label = "Heat map of how far each group moved over time. The furthest follow as a table."
    return (legend(*keys, *rest), *_framed(f"{at}-moved", label), plain_table(moved.table()))


def _framed(name: str, label: str) -> tuple[str, str, str]:
    """Return a picture's frame in three parts, the middle one the name that its div replaces."""
    before, after = picture("\0", label).split("\0")
    return before, name, after


def _finding(table: Changes) -> str:
    """Return the result in one sentence."""
    n = table.run.n_rows(table.key)
    length = table.axis.span_text(*table.ends)
    whole = f"{n:,} {table.schema.row}{'' if n == 1 else 's'}" + (f" ({length})" if length else "")
    found = table.events
    if not found:
        return f"No change found in {whole}."
    told = [table.axis.text(e.change_time, e.change_index) for e in found]
    if len(found) == 1:
        return f"1 change found in {whole}. It began at {told[0]}."
    return f"{len(found):,} changes found in {whole}, from {told[0]} to {told[-1]}."


def _note(curve: ChangePoints) -> str:
    """Return what a reader must know of a run that ended before the detector had learnt."""
    if np.isfinite(curve.columns()["threshold"]).any():
        return ""
    short = "The run ended while the detector was still learning: no alarm could be raised on line."
    if any(e.detector in OFF_LINE for e in curve.events):
        short += (
            " The change shown was found afterwards, by comparing the rows before and after "
            "every moment of the whole run."
        )
    return short
