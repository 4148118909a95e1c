"""What every test stands on: browser and broker, which only a person may go without."""

import os
import shutil
from collections.abc import Iterator

import pytest

from streamlyt.broker import Broker, missing

collect_ignore = ["codecs/fuzz.py"]  # a script of `make fuzz`, whose library the tests do without
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI"):
        return
    skip = {}
    if not any(map(shutil.which, BROWSERS)):
        skip["browser"] = "no Chromium; on Debian: apt-get install chromium"
    if any(item.get_closest_marker("kafka") for item in items) and (told := missing()):
        skip["kafka"] = told
    for item in items:
        for marker, reason in skip.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker on free ports with all its listeners, for the tests marked ``kafka``."""
    one = Broker(tmp_path_factory.mktemp("broker"), 0, ("PLAINTEXT", "TLS", "SASL", "SASL_TLS"))
    one.start()
    yield one
    one.kill()
