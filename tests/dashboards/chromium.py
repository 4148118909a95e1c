"""Chromium, whose pages wait longer on a slower machine."""

import shutil

from tests._waiting import HAPPENS_S, scaled

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Chromium:
    """The installed browser, started by Playwright, of which a test needs no more than contexts."""

    def __init__(self, play):
        self._held = play.chromium.launch(
            executable_path=next((path for path in map(shutil.which, BROWSERS) if path), None),
            args=["--no-sandbox", "--disable-gpu"],
            timeout=1000 * scaled(HAPPENS_S),
        )

    def new_context(self, **options):
        """Return a context whose pages have the bound of all that must happen."""
        context = self._held.new_context(**options)
        context.set_default_timeout(1000 * scaled(HAPPENS_S))
        return context

    def close(self):
        self._held.close()


def rest(page, seconds):
    """Leave a page alone for so many seconds of the reference machine.

    For what must not happen meanwhile, and for movements that nothing tells the end of.
    """
    page.wait_for_timeout(1000 * scaled(seconds))
