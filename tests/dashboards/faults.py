"""Accessibility faults that axe-core finds on a page."""

from axe_playwright_python.sync_playwright import Axe

from tests.dashboards.chromium import rest


def faults(page):
    """Open all collapsed elements and return the accessibility faults, one per line."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    rest(page, 0.4)  # opening elements fade in
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:150]}" for fault in found for node in fault["nodes"]]
