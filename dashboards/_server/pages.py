"""The live pages as they are first sent: drawn with what is there, then kept by their script."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import bokeh
from bokeh.models import CustomJS
from bokeh.plotting import figure

from streamlyt import __version__
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.html import page
from streamlyt.dashboards._page.series_list import list_of
from streamlyt.dashboards._page.series_section import Section, card_of, finding_of, words_of
from streamlyt.dashboards._panel import Panel
from streamlyt.dashboards._plotting.figures import embedded, time_range
from streamlyt.dashboards.process_metrics import Throughput

from .client_script import script
from .frames import AT, changes_of, pills_of, shape_of, views_of

if TYPE_CHECKING:
    from .frame_cache import FrameCache, FrameKey

__all__ = ["LIBRARY", "library_file", "list_page", "series_page", "waiting_page"]

LIBRARY = f"bokeh-{bokeh.__version__}.js"
_LASTS = (1_000, 5_000, 20_000, 100_000)  # rows that can be followed


@cache
def library_file() -> bytes:
    """Return the script of Bokeh: the core only."""
    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return (folder / "bokeh.min.js").read_bytes()


def series_page(desk: "FrameCache", seen: "FrameKey", nonce: str, whole: bool) -> str:
    """Return the page of one series, or of the process."""
    kind, view = seen
    process = kind == "process"
    run: Any = RunSnapshot(desk.pulse) if process else desk.snapshot
    if process:
        panels, axis, ends = views_of(run, view, lambda *of: [Throughput(*of[:3])])
    else:
        panels, axis, ends = views_of(run, view)
    shape = shape_of(panels, axis)
    # Bokeh takes half a second to draw a page, so it is done once: the first frame brings to the
    # page what has come since. Whatever a frame cannot change is in the shape.
    drawing, divs = desk.drawing(f"{kind} {view.key} {shape}", lambda: _drawn(panels, ends))
    table = changes_of(run, view.key)
    cards = tuple(words_of(panel, AT) for panel in panels)
    drawn = Section(0, view.key, {}, table.html(), cards, "", "", "", "", "", len(table.inputs))
    title = f"{desk.name}: the process" if process else view.key or desk.name
    lead = "What the process tells of itself." if process else finding_of(table)
    body = drawn.html(divs, alone=True, side=not process)
    address = f"live?page={'process' if process else 'series'}&key={quote(view.key, safe='')}"
    told = {
        "address": address,
        "key": view.key,
        "last": view.last,
        "shape": shape,
        "changes": len(table.events),
        "process": process,
        "over": not process and bool(run.meta.get("complete")),
    }
    pills = [] if process else pills_of(run, view.key, desk.process_status(kind))
    bar = _bar(table.schema.row_label, [] if process else list(_LASTS), view.last)
    return _page(title, lead, pills, bar + body, told, nonce, whole, _signed(drawing, nonce))


def _drawn(panels: Sequence[Panel], ends: tuple[float, float]) -> tuple[str, dict[str, str]]:
    """Return the script that draws the figures of panels, and a place for each by name."""
    models: dict[str, Any] = {}
    shared = time_range(*ends)
    shared.name = "time"
    for panel in panels:
        card_of(panel, AT, shared, models)
    for plot in _plots(models.values()):
        plot.js_on_event("reset", CustomJS(code="window.streamlyt.follow()"))
    return embedded(models)


def list_page(desk: "FrameCache", nonce: str, only: Callable[[str], bool] | None) -> str:
    """Return the page of all series."""
    told = {"address": "live?page=all%20series", "list": True, "shape": "list", "changes": 0}
    words: dict[str, str] = {"series": "", "found": "", "lead": "", "pills": ""}
    if desk.snapshot is not None:
        pulse = desk.process_status("all series" if only is None else "one")
        listed = list_of(desk.snapshot, "", pulse, only)
        words, told["changes"] = listed["texts"], listed["changes"]
    body = f"""<section class="series card" aria-labelledby="all">
<h2 id="all">All series</h2>
<p><label>Names with <input id="find" type="search" autocomplete="off"></label>
<span id="found" role="status">{words["found"]}</span></p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of all series">
<table class="plain all-series"><thead><tr><th scope="col">Series</th><th scope="col">State</th>
<th scope="col">Changes</th><th scope="col">Last change began</th><th scope="col">Rows</th></tr>
</thead><tbody id="series">{words["series"]}</tbody></table></div></section>"""
    html = _page(desk.name, "", [], body, told, nonce, only is None, "")
    return html.replace('id="lead"></p>', f'id="lead">{words["lead"]}</p>').replace(
        'aria-label="The run"></ul>', f'aria-label="The run">{words["pills"]}</ul>'
    )


def waiting_page(desk: "FrameCache", key: str, nonce: str, whole: bool) -> str:
    """Return the page of a series that has no rows yet."""
    told = {"address": f"live?page=series&key={quote(key, safe='')}", "shape": "", "changes": 0}
    body = '<p class="none">The page draws itself as soon as there are rows.</p>'
    lead = desk.error or "Waiting for the first rows."
    if desk.snapshot is not None and desk.snapshot.keys():
        lead = f"There is no series {key!r} in this run." if key else "No series is named."
        body = '<p class="none"><a href="./">See all series</a>, and open the one that you meant.'
        body += (
            "</p>" if desk.snapshot.meta.get("complete") else " Or wait, if it is yet to begin.</p>"
        )
    return _page(key or desk.name, lead, [], body, told, nonce, whole, "")


def _page(
    title: str,
    lead: str,
    pills: list[str],
    body: str,
    told: dict[str, Any],
    nonce: str,
    whole: bool,
    drawing: str,
) -> str:
    told["build"] = __version__
    # In a script "<" could end it; as an escape it is the same letter to JSON.
    settings = json.dumps(told).replace("<", "\\u003c")
    library = f'<script src="{LIBRARY}"></script>' if drawing else ""
    scripts = (
        f"{library}{drawing}"
        f'<script type="application/json" id="live" nonce="{nonce}">{settings}</script>'
        f'<script nonce="{nonce}">{script()}</script>'
    )
    process = '<a href="process">The process</a>' if whole else ""
    ways = f'<nav class="ways" aria-label="Pages"><a href="./">All series</a>{process}</nav>'
    above = (
        '<p id="lost" class="note" role="alert" hidden></p>'
        '<p id="said" class="unseen" aria-live="polite"></p>'
    )
    foot = f"<p>Live, by streamlyt {escape(__version__)}. Nothing can be changed from here.</p>"
    return page(title, lead, pills, above + body, foot, scripts, nonce=nonce, ways=ways)


def _bar(row: str, lasts: list[int], chosen: int | None) -> str:
    """Return the knobs of a page of one series; all of them are reached by the keyboard."""
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
            ("earlier", "Earlier", "◀"),
            ("later", "Later", "▶"),
            ("closer", "Closer", "+"),
            ("wider", "Wider", "−"),  # noqa: RUF001 - a minus as wide as the plus
        )
    )
    return (
        '<div class="bar" role="group" aria-label="What is shown">'
        '<span id="state" class="state live" role="status">live</span>'
        f'{choice}<button type="button" id="pause">Pause</button>'
        f'<button type="button" id="follow" hidden>Back to live</button>{buttons}'
        '<a id="rows" href="rows.csv" download>Rows as CSV</a></div>'
    )


def _plots(models: Iterable[Any]) -> Iterator[Any]:
    """Yield the figures among models and in their columns."""
    for model in models:
        if isinstance(model, figure):
            yield model
        else:
            yield from _plots(getattr(model, "children", ()))


def _signed(drawing: str, nonce: str) -> str:
    """Return Bokeh's script with the nonce that lets it run."""
    return drawing.replace("<script", f'<script nonce="{nonce}"', 1)
