"""Table of all series of a run, those in alarm first; a page is limited, a filter finds others."""

from html import escape
from typing import Any
from urllib.parse import quote

from streamlyt.core import Event
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._plotting.time_axis import TimeAxis

from .html import badge

__all__ = ["LISTED", "series_list", "sort_series"]

LISTED = 200  # series on a page; the filter finds the others
_RECENT = 1000  # rows for which a series stays in alarm


def series_list(
    snapshot: RunSnapshot,
    find: str = "",
    process_status: dict[str, str] | None = None,
    only: Any = None,
) -> dict[str, Any]:
    """Return the texts of the page of all series.

    ``only`` returns whether a key may be shown.
    """
    lengths = snapshot.row_counts()
    if only is not None:
        lengths = {key: counts for key, counts in lengths.items() if only(key)}
    events_by_key = snapshot.by_key()
    pattern = find.casefold()
    order = sort_series(lengths, events_by_key)
    shown = [key for key in order if pattern in key.casefold()] if find else order
    body = "".join(
        _row(snapshot, key, *lengths[key], events_by_key.get(key, [])) for key in shown[:LISTED]
    )
    changed = [key for key in order if key in events_by_key]
    alarmed = [
        key for key in changed if _in_alarm(snapshot, key, lengths[key][0], events_by_key[key])
    ]
    hidden = len(shown) - LISTED
    note = f"{len(shown):,} series" + (f" match “{find}”" if find else "")
    note += f"; the first {LISTED} are listed, use the filter for others." if hidden > 0 else "."
    events = sum(len(events_by_key[key]) for key in changed)
    badges = [
        badge(f"{len(alarmed):,}", "in alarm", "broken" if alarmed else ""),
        badge(f"{events:,}", "change" if events == 1 else "changes", "found" if events else ""),
        badge(f"{len(lengths):,}", "series"),
        badge(f"{sum(n for n, _ in lengths.values()):,}", "rows"),
        *(badge(value, label) for label, value in (process_status or {}).items()),
    ]
    lead = f"{len(alarmed):,} of {len(lengths):,} series in alarm." if lengths else "No series yet."
    newest = max((e for key in alarmed for e in events_by_key[key]), default=None, key=_alarm_time)
    return {
        "shape": "list",
        "changes": events,
        "newest": "" if newest is None else f"Change detected in {newest.key}.",
        "rows": sum(n for n, _ in lengths.values()),
        "texts": {
            "series": body or '<tr><td colspan="5">None.</td></tr>',
            "found": escape(note),
            "lead": escape(lead),
            "pills": "".join(badges),
        },
    }


def sort_series(
    lengths: dict[str, tuple[int, int]], events_by_key: dict[str, list[Event]]
) -> list[str]:
    """Return the keys, the series with the latest alarm first, then in order of creation."""
    position = {key: i for i, key in enumerate(lengths)}
    return sorted(
        lengths,
        key=lambda key: (
            -max(map(_alarm_time, events_by_key[key])) if key in events_by_key else 1,
            position[key],
        ),
    )


def _alarm_time(event: Event) -> int:
    return event.alarm_time


def _in_alarm(snapshot: RunSnapshot, key: str, n: int, events: list[Event]) -> bool:
    schema = snapshot.schema(key)
    last = max(e.alarm_index for e in events)
    return n - (last - schema.first_row) // schema.row_step <= _RECENT


def _row(snapshot: RunSnapshot, key: str, n: int, time: int, events: list[Event]) -> str:
    schema = snapshot.schema(key)
    axis = TimeAxis.of(schema, 0 if schema.time_unit == "fs" else time - 10**9 * n, time, max(n, 1))
    alarmed = bool(events) and _in_alarm(snapshot, key, n, events)
    idle = "warm-up" if n < int(snapshot.meta.get("learning") or 0) else "normal"
    state = "in alarm" if alarmed else "changed" if events else idle
    last = max(events, key=_alarm_time) if events else None
    time_text = axis.text(last.change_time, last.change_index) if last else "–"
    attribution = ", ".join(last.channels[:2]) if last else ""
    return (
        f'<tr><th scope="row"><a href="series?key={quote(key, safe="")}">'
        f"{escape(key) or 'the run'}</a></th>"
        f'<td><span class="state {state.replace(" ", "-")}">{state}</span></td>'
        f"<td>{len(events):,}</td><td>{escape(time_text)}<small>{escape(attribution)}</small></td>"
        f"<td>{n:,}</td></tr>"
    )
