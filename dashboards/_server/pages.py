"""Initial HTML of the live pages; their script updates them."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import bokeh

from streamlyt import __version__
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.html import page
from streamlyt.dashboards._page.series_list import series_list
from streamlyt.dashboards._page.series_section import (
    Section,
    describe_card,
    draw_card,
    result_sentence,
)
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards._plotting.bokeh_import import CustomJS, figure
from streamlyt.dashboards._plotting.figures import embed_figures, time_range
from streamlyt.dashboards.process_metrics import Throughput

from .client_script import script
from .frames import AT, changes_of, drawing_key, header_badges, visible_panels

if TYPE_CHECKING:
    from .frame_cache import FrameCache, FrameKey

__all__ = ["LIBRARY", "library_file", "list_page", "series_page", "waiting_page"]

LIBRARY = f"bokeh-{bokeh.__version__}.js"
_ROW_CHOICES = (1_000, 5_000, 20_000, 100_000)  # numbers of newest rows to follow


@cache
def library_file() -> bytes:
    """Return the script of Bokeh: the core only."""
    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return (folder / "bokeh.min.js").read_bytes()


def series_page(cache: "FrameCache", frame_key: "FrameKey", nonce: str, all_series: bool) -> str:
    """Return the page of one series, or of the process."""
    kind, view = frame_key
    process = kind == "process"
    run: Any = RunSnapshot(cache.process_run) if process else cache.snapshot
    if process:
        panels, axis, ends = visible_panels(run, view, lambda *of: [Throughput(*of[:3])])
    else:
        panels, axis, ends = visible_panels(run, view)
    shape = drawing_key(panels, axis)
    # Bokeh takes half a second to draw a page, so the drawing is cached: the first frame brings it
    # up to date. Everything that a frame cannot change is in the key.
    drawing, divs = cache.drawing(f"{kind} {view.key} {shape}", lambda: _drawn(panels, ends))
    table = changes_of(run, view.key)
    cards = tuple(describe_card(panel, AT) for panel in panels)
    drawn = Section(0, view.key, {}, table.html(), cards, "", "", "", "", "", len(table.inputs))
    title = f"{cache.name}: process metrics" if process else view.key or cache.name
    lead = "Metrics of the process." if process else result_sentence(table)
    body = drawn.html(divs, alone=True, side=not process)
    address = f"live?page={'process' if process else 'series'}&key={quote(view.key, safe='')}"
    config = {
        "address": address,
        "key": view.key,
        "last": view.last,
        "shape": shape,
        "changes": len(table.events),
        "process": process,
        "over": not process and bool(run.meta.get("complete")),
    }
    badges = [] if process else header_badges(run, view.key, cache.process_status(kind))
    bar = _toolbar(table.schema.row_label, [] if process else list(_ROW_CHOICES), view.last)
    return _page(
        title, lead, badges, bar + body, config, nonce, all_series, _with_nonce(drawing, nonce)
    )


def _drawn(panels: Sequence[Panel], ends: tuple[float, float]) -> tuple[str, dict[str, str]]:
    """Return the script that draws the figures of panels, and a container for each by name."""
    models: dict[str, Any] = {}
    shared = time_range(*ends)
    shared.name = "time"
    for panel in panels:
        draw_card(panel, AT, shared, models)
    for plot in _plots(models.values()):
        plot.js_on_event("reset", CustomJS(code="window.streamlyt.follow()"))
    return embed_figures(models)


def list_page(cache: "FrameCache", nonce: str, only: Callable[[str], bool] | None) -> str:
    """Return the page of all series."""
    config = {"address": "live?page=all%20series", "list": True, "shape": "list", "changes": 0}
    texts: dict[str, str] = {"series": "", "found": "", "lead": "", "pills": ""}
    if cache.snapshot is not None:
        process_status = cache.process_status("all series" if only is None else "one")
        listed = series_list(cache.snapshot, "", process_status, only)
        texts, config["changes"] = listed["texts"], listed["changes"]
    body = f"""<section class="series card" aria-labelledby="all">
<h2 id="all">All series</h2>
<p><label>Filter series <input id="find" type="search" autocomplete="off"></label>
<span id="found" role="status">{texts["found"]}</span></p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of all series">
<table class="plain all-series"><thead><tr><th scope="col">Series</th><th scope="col">State</th>
<th scope="col">Changes</th><th scope="col">Last change</th><th scope="col">Rows</th></tr>
</thead><tbody id="series">{texts["series"]}</tbody></table></div></section>"""
    html = _page(cache.name, "", [], body, config, nonce, only is None, "")
    return html.replace('id="lead"></p>', f'id="lead">{texts["lead"]}</p>').replace(
        'aria-label="The run"></ul>', f'aria-label="The run">{texts["pills"]}</ul>'
    )


def waiting_page(cache: "FrameCache", key: str, nonce: str, all_series: bool) -> str:
    """Return the page of a series that has no rows yet."""
    config = {"address": f"live?page=series&key={quote(key, safe='')}", "shape": "", "changes": 0}
    body = '<p class="none">The charts appear with the first rows.</p>'
    lead = cache.error or "Waiting for the first rows."
    if cache.snapshot is not None and cache.snapshot.keys():
        lead = f"There is no series {key!r} in this run." if key else "No series key given."
        body = '<p class="none"><a href="./">See all series</a>.'
        body += (
            "</p>"
            if cache.snapshot.meta.get("complete")
            else " If it starts later, this page will show it.</p>"
        )
    return _page(key or cache.name, lead, [], body, config, nonce, all_series, "")


def _page(
    title: str,
    lead: str,
    badges: list[str],
    body: str,
    config: dict[str, Any],
    nonce: str,
    all_series: bool,
    drawing: str,
) -> str:
    config["build"] = __version__
    # "<" could end the script element; JSON reads the escape as the same character.
    settings = json.dumps(config).replace("<", "\\u003c")
    bokeh_script = f'<script src="{LIBRARY}"></script>' if drawing else ""
    scripts = (
        f"{bokeh_script}{drawing}"
        f'<script type="application/json" id="live" nonce="{nonce}">{settings}</script>'
        f'<script nonce="{nonce}">{script()}</script>'
    )
    process = '<a href="process">Process metrics</a>' if all_series else ""
    navigation = f'<nav class="ways" aria-label="Pages"><a href="./">All series</a>{process}</nav>'
    above = (
        '<p id="lost" class="note" role="alert" hidden></p>'
        '<p id="said" class="unseen" aria-live="polite"></p>'
    )
    foot = f"<p>Generated by streamlyt {escape(__version__)}. Read-only.</p>"
    return page(
        title, lead, badges, above + body, foot, scripts, nonce=nonce, navigation=navigation
    )


def _toolbar(row: str, lasts: list[int], chosen: int | None) -> str:
    """Return the toolbar of a page of one series; all controls work with the keyboard."""
    options = "".join(
        f'<option value="{n}"{" selected" if n == chosen else ""}>last {n:,} {escape(row)}s'
        "</option>"
        for n in lasts
    )
    choice = (
        f'<label>Follow <select id="last">{options}<option value="">all {escape(row)}s</option>'
        "</select></label>"
        if lasts
        else ""
    )
    buttons = "".join(
        f'<button type="button" id="{name}" aria-label="{label}" title="{label}">{text}</button>'
        for name, label, text in (
            ("earlier", "Pan left", "◀"),
            ("later", "Pan right", "▶"),
            ("closer", "Zoom in", "+"),
            ("wider", "Zoom out", "−"),  # noqa: RUF001 - minus sign, as wide as the plus
        )
    )
    return (
        '<div class="bar" role="group" aria-label="Time range">'
        '<span id="state" class="state live" role="status">live</span>'
        f'{choice}<button type="button" id="pause">Pause</button>'
        f'<button type="button" id="follow" hidden>Back to live</button>{buttons}'
        '<a id="rows" href="rows.csv" download>Download CSV</a></div>'
    )


def _plots(models: Iterable[Any]) -> Iterator[Any]:
    """Yield the figures among models and in their columns."""
    for model in models:
        if isinstance(model, figure):
            yield model
        else:
            yield from _plots(getattr(model, "children", ()))


def _with_nonce(drawing: str, nonce: str) -> str:
    """Return Bokeh's script with the nonce that allows it."""
    return drawing.replace("<script", f'<script nonce="{nonce}"', 1)
