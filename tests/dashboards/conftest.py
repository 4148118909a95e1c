"""The browser that the pages are looked at in."""

import pytest

from tests.dashboards.chromium import Chromium


@pytest.fixture(scope="module")  # longer, its event loop would be in the way of others
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        try:
            held = Chromium(play)
        except sync_api.Error as problem:
            pytest.skip(f"no Chromium to be started: {problem}")
        yield held
        held.close()
