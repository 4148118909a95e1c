"""HTML around the charts. Every text from data goes through ``escape``."""

from collections.abc import Sequence
from html import escape

from streamlyt.dashboards._panel import Table

from .stylesheet import script, style_sheet

__all__ = ["badge", "legend", "page", "panel_section", "plain_table"]

# The page may only use its own content and load nothing: no fonts, no MathJax. Bokeh builds its
# hover texts with new Function, hence unsafe-eval.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


def page(
    title: str,
    lead: str,
    badges: Sequence[str],
    main: str,
    foot: str,
    scripts: str,
    *,
    nonce: str = "",
    navigation: str = "",
) -> str:
    """Return the complete page; ``title`` and ``lead`` are text, the other parts are HTML.

    A page with a ``nonce`` is served, and the server sends the matching policy. ``navigation``
    has the links to other pages.
    """
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    key = f' nonce="{nonce}"' if nonce else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{"" if nonce else policy}\
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{style_sheet()}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header class="top"><div class="wrap">
{navigation}<div class="title"><div><h1>{escape(title)}</h1>
<p class="lead" id="lead">{escape(lead)}</p></div>
<button type="button" class="theme" aria-label="Switch to dark theme">Dark</button></div>
<ul class="pills" id="pills" aria-label="The run">{"".join(badges)}</ul>
</div></header>
<main id="main" class="wrap" tabindex="-1">
<noscript><p class="note">The charts need JavaScript. The tables do not.</p></noscript>
{main}
</main>
<footer class="wrap">{foot}</footer>
{scripts}
<script{key}>{script()}</script>
</body>
</html>
"""


def badge(value: str, label: str = "", kind: str = "") -> str:
    """Return one badge of the header: a value and its label."""
    rest = f" {escape(label)}" if label else ""
    return f'<li class="pill {kind}"><b>{escape(value)}</b>{rest}</li>'


def panel_section(name: str, above: str, title: str, about: str, body: str) -> str:
    """Return a region with a heading below the heading ``above``; ``body`` is HTML."""
    return (
        f'<section class="card" aria-labelledby="{above} {name}">'
        f'<h3 id="{name}">{escape(title)}</h3>'
        f"<p>{escape(about)}</p>{body}</section>"
    )


def legend(*entries: tuple[str, str]) -> str:
    """Return the legend of a chart: class of each swatch, and its label."""
    if not entries:
        return ""
    items = "".join(
        f'<li><span class="{kind}" aria-hidden="true"></span>{escape(text)}</li>'
        for kind, text in entries
    )
    return f'<ul class="legend">{items}</ul>'


def picture(div: str, label: str) -> str:
    """Return the container of a figure with its alt text."""
    return f'<div class="picture" role="group" aria-label="{escape(label)}">{div}</div>'


def plain_table(table: Table, summary: str = "Data table", *, open_: bool = False) -> str:
    """Return a data table, collapsed unless ``open_``."""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in table.headings)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    caption = escape(table.caption)
    return (
        f"<details{' open' if open_ else ''}><summary>{escape(summary)}</summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="plain"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )
