"""What every test stands on: browser tests need Chromium, and only a person may go without."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI") or any(map(shutil.which, BROWSERS)):
        return
    skip = pytest.mark.skip(reason="no Chromium; on Debian: apt-get install chromium")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(skip)
