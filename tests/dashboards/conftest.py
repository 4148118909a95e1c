"""Fixture of the browser."""

import pytest

from tests.dashboards.chromium import Chromium


@pytest.fixture(scope="module")  # a longer scope would block other event loops
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        try:
            held = Chromium(play)
        except sync_api.Error as problem:
            pytest.skip(f"no Chromium to be started: {problem}")
        yield held
        held.close()
