"""Chromium, whose pages wait longer on a slower machine."""

import shutil

from tests._waiting import HAPPENS_S, scaled

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Chromium:
    """The installed browser, started by Playwright; tests use its contexts."""

    def __init__(self, play):
        self._held = play.chromium.launch(
            executable_path=next((path for path in map(shutil.which, BROWSERS) if path), None),
            args=["--no-sandbox", "--disable-gpu"],
            timeout=1000 * scaled(HAPPENS_S),
        )

    def new_context(self, **options):
        """Return a context whose pages use the timeout ``HAPPENS_S``."""
        context = self._held.new_context(**options)
        context.set_default_timeout(1000 * scaled(HAPPENS_S))
        return context

    def close(self):
        self._held.close()


def rest(page, seconds):
    """Wait for some seconds of the reference machine.

    For what must not happen meanwhile, and for animations whose end is not observable.
    """
    page.wait_for_timeout(1000 * scaled(seconds))
