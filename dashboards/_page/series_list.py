"""All series of a run, those in alarm first: as many as a page can show, and the rest by name."""

from html import escape
from typing import Any
from urllib.parse import quote

from streamlyt.core import Event
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .html import badge

__all__ = ["LISTED", "list_of", "rows_of_series"]

LISTED = 200  # series on a page; the others are found by their names
_RECENT = 1000  # rows after its alarm that a series counts as in alarm


def list_of(
    look: RunSnapshot, find: str = "", pulse: dict[str, str] | None = None, only: Any = None
) -> dict[str, Any]:
    """Return the words of the page of all series.

    ``only`` says of a name whether it is shown at all.
    """
    lengths = look.row_counts()
    if only is not None:
        lengths = {key: told for key, told in lengths.items() if only(key)}
    found = look.by_key()
    wanted = find.casefold()
    order = rows_of_series(lengths, found)
    shown = [key for key in order if wanted in key.casefold()] if find else order
    body = "".join(_row(look, key, *lengths[key], found.get(key, [])) for key in shown[:LISTED])
    changed = [key for key in order if key in found]
    alarmed = [key for key in changed if _in_alarm(look, key, lengths[key][0], found[key])]
    hidden = len(shown) - LISTED
    note = f"{len(shown):,} series" + (f" with “{find}” in their names" if find else "")
    note += f"; the first {LISTED} are listed, find others by their names." if hidden > 0 else "."
    events = sum(len(found[key]) for key in changed)
    pills = [
        badge(f"{len(alarmed):,}", "in alarm", "broken" if alarmed else ""),
        badge(f"{events:,}", "change" if events == 1 else "changes", "found" if events else ""),
        badge(f"{len(lengths):,}", "series"),
        badge(f"{sum(n for n, _ in lengths.values()):,}", "rows"),
        *(badge(value, label) for label, value in (pulse or {}).items()),
    ]
    lead = f"{len(alarmed):,} of {len(lengths):,} series in alarm." if lengths else "No series yet."
    newest = max((e for key in alarmed for e in found[key]), default=None, key=_alarm_time)
    return {
        "shape": "list",
        "changes": events,
        "newest": "" if newest is None else f"Change found in {newest.key}.",
        "rows": sum(n for n, _ in lengths.values()),
        "texts": {
            "series": body or '<tr><td colspan="5">None.</td></tr>',
            "found": escape(note),
            "lead": escape(lead),
            "pills": "".join(pills),
        },
    }


def rows_of_series(lengths: dict[str, tuple[int, int]], found: dict[str, list[Event]]) -> list[str]:
    """Return the names of the series: the one whose alarm came last first, then by number."""
    place = {key: i for i, key in enumerate(lengths)}
    return sorted(
        lengths,
        key=lambda key: (-max(map(_alarm_time, found[key])) if key in found else 1, place[key]),
    )


def _alarm_time(event: Event) -> int:
    return event.alarm_time


def _in_alarm(look: RunSnapshot, key: str, n: int, events: list[Event]) -> bool:
    schema = look.schema(key)
    last = max(e.alarm_index for e in events)
    return n - (last - schema.first_row) // schema.row_step <= _RECENT


def _row(look: RunSnapshot, key: str, n: int, time: int, events: list[Event]) -> str:
    schema = look.schema(key)
    axis = TimeAxis.of(schema, 0 if schema.time_unit == "fs" else time - 10**9 * n, time, max(n, 1))
    alarmed = bool(events) and _in_alarm(look, key, n, events)
    quiet = "learning" if n < int(look.meta.get("learning") or 0) else "quiet"
    state = "in alarm" if alarmed else "changed" if events else quiet
    last = max(events, key=_alarm_time) if events else None
    when = axis.text(last.change_time, last.change_index) if last else "–"
    moved = ", ".join(last.channels[:2]) if last else ""
    return (
        f'<tr><th scope="row"><a href="series?key={quote(key, safe="")}">'
        f"{escape(key) or 'the run'}</a></th>"
        f'<td><span class="state {state.replace(" ", "-")}">{state}</span></td>'
        f"<td>{len(events):,}</td><td>{escape(when)}<small>{escape(moved)}</small></td>"
        f"<td>{n:,}</td></tr>"
    )
