"""Report of a recorded run: one self-contained page."""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from streamlyt import __version__
from streamlyt.core import Event
from streamlyt.core.errors import SinkError
from streamlyt.dashboards._data.combined_run import CombinedRun
from streamlyt.dashboards._data.downsampling import ReadableRun
from streamlyt.dashboards._page.html import badge, page
from streamlyt.dashboards._page.series_section import Section, section
from streamlyt.dashboards._plotting.figures import bokeh_script, embed_figures

__all__ = ["write_atomically", "write_report"]

MAX_BYTES = 3_000_000
_DRAWN = 20  # series with charts; the table lists the others
_LISTED = 500  # series in the table
_DETAILS = (1.0, 0.5, 0.25, 0.12, 0.06)  # tried in order until the page is small enough
_AT_FULL_DETAIL = 6  # series that fit at full detail; more start lower


def write_report(
    run: ReadableRun | Sequence[ReadableRun], path: str | os.PathLike[str], title: str | None = None
) -> Path:
    """Write the report of a run: one self-contained HTML page of at most 3 MB.

    Parameters
    ----------
    run
        Run file, or any object with its reading methods; or several of them for one page.
    path
        Path of the page; it is written atomically.
    title
        Heading of the page; default: from the key of the series or the name of the run.

    Returns
    -------
    Path
        Path of the page.

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
    target = Path(path)
    keys = list(run.keys())
    events = run.events()
    n_events = Counter(event.key for event in events)
    order = sorted(keys, key=lambda key: (n_events[key] == 0, keys.index(key)))
    html = ""
    for detail in _DETAILS:
        share = min(1.0, _AT_FULL_DETAIL / max(min(len(order), _DRAWN), 1))
        html = _build_page(run, order, events, n_events, title, detail * share)
        if len(html.encode()) <= MAX_BYTES:
            break
    write_atomically(target, html)
    return target


def _build_page(
    run: ReadableRun,
    order: Sequence[str],
    events: Sequence[Event],
    n_events: Counter[str],
    title: str | None,
    detail: float,
) -> str:
    """Return the page with its curves at ``detail`` (0 to 1) of the full number of points."""
    brief = len(order) > _AT_FULL_DETAIL
    sections = [section(run, key, i, detail, brief) for i, key in enumerate(order[:_DRAWN])]
    # One document per series: Bokeh traverses the complete document for each root.
    drawn = [embed_figures(s.models) for s in sections]
    title = title or _title(run, order)
    alone = len(order) == 1 and order[0] in title
    body = "\n".join(s.html(divs, alone) for s, (_, divs) in zip(sections, drawn, strict=True))
    drawings = "\n".join(drawing for drawing, _ in drawn if drawing)
    scripts = f"{bokeh_script()}\n{drawings}" if drawings else ""
    if len(order) > 1:
        body = _series_table(run, order, n_events, sections) + body
    return page(
        title,
        _lead(sections, order, events, n_events),
        _badges(run, sections, order, events),
        body or '<p class="none">The run has no series.</p>',
        _footer(run),
        scripts,
    )


def _title(run: ReadableRun, order: Sequence[str]) -> str:
    path = getattr(run, "path", None)
    name = order[0] if len(order) == 1 and order[0] else Path(path).stem if path else ""
    return f"Changes in {name}" if name else "Changes detected by streamlyt"


def _lead(
    sections: Sequence[Section],
    order: Sequence[str],
    events: Sequence[Event],
    n_events: Counter[str],
) -> str:
    """Return the result in one sentence."""
    if len(order) == 1:
        return sections[0].result
    n_changed = sum(n_events[key] > 0 for key in order)
    if not n_changed:
        return f"No change detected in any of {len(order):,} series."
    return f"{counted(len(events), 'change')} detected, in {n_changed:,} of {len(order):,} series."


def _badges(
    run: ReadableRun, sections: Sequence[Section], order: Sequence[str], events: Sequence[Event]
) -> list[str]:
    n = len(events)
    badges = [badge(f"{n:,}", "change" if n == 1 else "changes", "found" if n else "")]
    if len(order) > 1:
        badges.append(badge(f"{len(order):,}", "series"))
    if sections:
        rows = sum(run.n_rows(key) for key in order)
        badges.append(badge(f"{rows:,}", f"{sections[0].row}{'' if rows == 1 else 's'}"))
    if len(order) == 1:
        n_channels = sections[0].n_channels
        badges.append(badge(f"{n_channels:,}", "channel" if n_channels == 1 else "channels"))
        badges += [badge(text, "long") for text in (sections[0].length,) if text]
        badges += [badge(name, "detector") for name in sorted({e.detector for e in events})]
    meta = dict(run.meta)
    if meta.get("complete") is False:
        badges.append(badge("unfinished", "run", "broken"))
    if meta.get("created"):
        badges.append(badge(str(meta["created"])[:16].replace("T", " "), "UTC"))
    if meta.get("streamlyt"):
        badges.append(badge(f"streamlyt {meta['streamlyt']}"))
    return badges


def _series_table(
    run: ReadableRun, order: Sequence[str], n_events: Counter[str], sections: Sequence[Section]
) -> str:
    """Return the table of all series, those with changes first."""
    rows = []
    for i, key in enumerate(order[:_LISTED]):
        first = sections[i].first if i < len(sections) else ""
        name = f'<a href="#series-{i}">{escape(key)}</a>' if i < len(sections) else escape(key)
        rows.append(
            f'<tr><th scope="row">{name}</th><td>{n_events[key]:,}</td>'
            f"<td>{run.n_rows(key):,}</td><td>{escape(first)}</td></tr>"
        )
    hidden = len(order) - _LISTED
    more = f"<p>{hidden:,} more in the run file.</p>" if hidden > 0 else ""
    body = (
        '<div class="scroll all" tabindex="0" role="region" aria-label="Table of all series">'
        '<table class="plain"><thead><tr><th scope="col">Series</th><th scope="col">Changes</th>'
        '<th scope="col">Rows</th><th scope="col">First change</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{more}"
    )
    about = "Series with changes first."
    if len(order) > _DRAWN:
        about += f" The first {_DRAWN} have charts below."
    return (
        '<section class="series card" aria-labelledby="all-series">'
        f'<h2 id="all-series">All series</h2><p>{about}</p>{body}</section>'
    )


def _footer(run: ReadableRun) -> str:
    """Return the footer with the pipeline file of the run."""
    pipeline: Any = run.meta.get("pipeline")
    generated = f"Generated by streamlyt {__version__}. Self-contained."
    if not pipeline:
        return f"<p>{generated}</p>"
    return (
        "<details><summary>Pipeline file of this run</summary>"
        f"<pre>{escape(str(pipeline))}</pre></details><p>{generated}</p>"
    )


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def write_atomically(target: Path, html: str) -> None:
    """Write to a temporary file and rename it, so that no reader sees a partial page."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # a temporary file is readable by its owner only
        temporary.replace(target)
    except OSError as problem:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise SinkError(
            f"path of the report must be writable, got {str(target)!r} "
            f"({problem.strerror or problem}); choose another path"
        ) from problem
