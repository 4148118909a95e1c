"""What axe-core finds wrong with a page."""

from axe_playwright_python.sync_playwright import Axe

from tests.dashboards.chromium import rest


def faults(page):
    """Return the faults of accessibility, each in a line, and open all that is folded first."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    rest(page, 0.4)  # what unfolds is faint at first
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:150]}" for fault in found for node in fault["nodes"]]
