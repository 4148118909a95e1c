"""The browser that the pages are looked at in."""

import shutil

import pytest


@pytest.fixture(scope="module")  # longer, its event loop would be in the way of others
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        try:
            held = play.chromium.launch(
                executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
        except sync_api.Error as problem:
            pytest.skip(f"no Chromium to be started: {problem}")
        yield held
        held.close()


def _chromium():
    return next((p for p in map(shutil.which, ("chromium", "chromium-browser")) if p), None)
