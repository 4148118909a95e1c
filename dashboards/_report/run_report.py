"""The report of a recorded run: one page that stands alone."""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from streamlyt.core import Event
from streamlyt.core.errors import SinkError
from streamlyt.dashboards._data.combined_run import CombinedRun
from streamlyt.dashboards._data.downsampling import Run
from streamlyt.dashboards._page.html import badge, page
from streamlyt.dashboards._page.series_section import Section, section
from streamlyt.dashboards._plotting.figures import embedded, library

__all__ = ["write_report", "write_whole"]

MOST_BYTES = 3_000_000
_DRAWN = 20  # series with pictures; all others stand in the table
_LISTED = 500  # series in the table
_DETAILS = (1.0, 0.5, 0.25, 0.12, 0.06)  # tried in turn until the page is small enough
_AT_FULL_DETAIL = 6  # series that fit at full detail; more start lower


def write_report(
    run: Run | Sequence[Run], path: str | os.PathLike[str], title: str | None = None
) -> Path:
    """Write the report of a run: one HTML page of at most 3 MB that asks for nothing from outside.

    Parameters
    ----------
    run
        What is reported: a run file, or anything with its reading methods; or several, whose
        series then stand on one page.
    path
        Where the page goes. It appears whole or not at all.
    title
        Heading of the page; by default one made from the name of the series or the run.

    Returns
    -------
    Path
        Where the page is.

    Raises
    ------
    MissingDependencyError
        If Bokeh is not installed.
    SinkError
        If the page cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from streamlyt.dashboards._data.example_runs import example_run
    >>> with TemporaryDirectory() as folder:
    ...     page = write_report(example_run(), folder + "/report.html", title="A step").read_text()
    >>> "<h1>A step</h1>" in page, len(page) < 3_000_000
    (True, True)
    """
    if isinstance(run, Sequence):
        run = CombinedRun(run)
    goal = Path(path)
    keys = list(run.keys())
    events = run.events()
    found = Counter(event.key for event in events)
    order = sorted(keys, key=lambda key: (found[key] == 0, keys.index(key)))
    html = ""
    for detail in _DETAILS:
        share = min(1.0, _AT_FULL_DETAIL / max(min(len(order), _DRAWN), 1))
        html = _whole(run, order, events, found, title, detail * share)
        if len(html.encode()) <= MOST_BYTES:
            break
    write_whole(goal, html)
    return goal


def _whole(
    run: Run,
    order: Sequence[str],
    events: Sequence[Event],
    found: Counter[str],
    title: str | None,
    detail: float,
) -> str:
    """Return the page with its curves at ``detail`` (0 to 1) of the full number of points."""
    brief = len(order) > _AT_FULL_DETAIL
    sections = [section(run, key, i, detail, brief) for i, key in enumerate(order[:_DRAWN])]
    # A document a series: Bokeh walks over all of a document again for every root it gets.
    drawn = [embedded(s.models) for s in sections]
    title = title or _title(run, order)
    alone = len(order) == 1 and order[0] in title
    body = "\n".join(s.html(divs, alone) for s, (_, divs) in zip(sections, drawn, strict=True))
    drawings = "\n".join(drawing for drawing, _ in drawn if drawing)
    scripts = f"{library()}\n{drawings}" if drawings else ""
    if len(order) > 1:
        body = _series_table(run, order, found, sections) + body
    return page(
        title,
        _lead(sections, order, events, found),
        _pills(run, sections, order, events),
        body or '<p class="none">The run holds no series.</p>',
        _foot(run),
        scripts,
    )


def _title(run: Run, order: Sequence[str]) -> str:
    path = getattr(run, "path", None)
    name = order[0] if len(order) == 1 and order[0] else Path(path).stem if path else ""
    return f"Changes in {name}" if name else "Changes found by streamlyt"


def _lead(
    sections: Sequence[Section],
    order: Sequence[str],
    events: Sequence[Event],
    found: Counter[str],
) -> str:
    """Return the finding in one sentence."""
    if len(order) == 1:
        return sections[0].finding
    moved = sum(found[key] > 0 for key in order)
    if not moved:
        return f"No change found in any of {len(order):,} series."
    return f"{counted(len(events), 'change')} found, in {moved:,} of {len(order):,} series."


def _pills(
    run: Run, sections: Sequence[Section], order: Sequence[str], events: Sequence[Event]
) -> list[str]:
    n = len(events)
    pills = [badge(f"{n:,}", "change" if n == 1 else "changes", "found" if n else "")]
    if len(order) > 1:
        pills.append(badge(f"{len(order):,}", "series"))
    if sections:
        rows = sum(run.n_rows(key) for key in order)
        pills.append(badge(f"{rows:,}", f"{sections[0].row}{'' if rows == 1 else 's'}"))
    if len(order) == 1:
        width = sections[0].width
        pills.append(badge(f"{width:,}", "channel" if width == 1 else "channels"))
        pills += [badge(text, "long") for text in (sections[0].length,) if text]
        pills += [badge(name, "detector") for name in sorted({e.detector for e in events})]
    meta = dict(run.meta)
    if meta.get("complete") is False:
        pills.append(badge("unfinished", "run", "broken"))
    if meta.get("created"):
        pills.append(badge(str(meta["created"])[:16].replace("T", " "), "UTC"))
    if meta.get("streamlyt"):
        pills.append(badge(f"streamlyt {meta['streamlyt']}"))
    return pills


def _series_table(
    run: Run, order: Sequence[str], found: Counter[str], sections: Sequence[Section]
) -> str:
    """Return all series in one table, those with changes first."""
    rows = []
    for i, key in enumerate(order[:_LISTED]):
        first = sections[i].first if i < len(sections) else ""
        name = f'<a href="#series-{i}">{escape(key)}</a>' if i < len(sections) else escape(key)
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{found[key]:,}</td>'
            f"<td>{run.n_rows(key):,}</td><td>{escape(first)}</td></tr>"
        )
    hidden = len(order) - _LISTED
    more = f"<p>{hidden:,} more are in the run file.</p>" if hidden > 0 else ""
    body = (
        '<div class="scroll all" tabindex="0" role="region" aria-label="Table of all series">'
        '<table class="plain"><thead><tr><th scope="col">Series</th><th scope="col">Changes</th>'
        '<th scope="col">Rows</th><th scope="col">First change</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}"
    )
    about = "Those with changes first."
    if len(order) > _DRAWN:
        about += f" The first {_DRAWN} are drawn below."
    return (
        '<section class="series card" aria-labelledby="all-series">'
        f'<h2 id="all-series">All series</h2><p>{about}</p>{body}</section>'
    )


def _foot(run: Run) -> str:
    """Return how the run was made: the pipeline, as it can be run again."""
    pipeline: Any = run.meta.get("pipeline")
    told = "Made by streamlyt. This page stands alone: it loads nothing from anywhere."
    if not pipeline:
        return f"<p>{told}</p>"
    return (
        "<details><summary>The pipeline of this run</summary>"
        f"<pre>{escape(str(pipeline))}</pre></details><p>{told}</p>"
    )


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def write_whole(goal: Path, html: str) -> None:
    """Write beside the goal, then put it in its place: nobody ever reads half a page."""
    held = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=goal.parent, prefix=f".{goal.name}.", delete=False
        ) as file:
            held = Path(file.name)
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        held.chmod(0o666 & ~mask)  # a temporary file is for its owner only
        held.replace(goal)
    except OSError as problem:
        if held is not None:
            held.unlink(missing_ok=True)
        raise SinkError(
            f"the report must go to a folder that can be written, got {str(goal)!r} "
            f"({problem.strerror or problem}); give another path"
        ) from problem
