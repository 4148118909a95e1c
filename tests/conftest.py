"""What every test stands on: browser and broker, which only a person may go without."""

import os
import shutil
import socket
from collections.abc import Iterator
from typing import Any

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


@pytest.fixture(autouse=True)
def _sockets_of_kafka(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Close the sockets that kafka-python gives up and leaves open, in the tests marked ``kafka``.

    So a socket that nobody closed is an error everywhere else, and is ours.
    """
    if not request.node.get_closest_marker("kafka"):
        yield
        return
    from kafka.net import KafkaNetSocket  # an extra: other tests go without

    made: list[socket.socket] = []
    make, make_pair = KafkaNetSocket.socket, socket.socketpair

    def one(*given: Any) -> socket.socket:
        made.append(make(*given))
        return made[-1]

    def pair(*given: Any) -> tuple[socket.socket, socket.socket]:
        made.extend(make_pair(*given))
        return made[-2], made[-1]

    monkeypatch.setattr(KafkaNetSocket, "socket", one)
    monkeypatch.setattr(socket, "socketpair", pair)
    yield
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker on free ports with all its listeners, for the tests marked ``kafka``."""
    one = Broker(tmp_path_factory.mktemp("broker"), 0, ("PLAINTEXT", "TLS", "SASL", "SASL_TLS"))
    one.start()
    yield one
    one.kill()
