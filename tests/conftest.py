"""Fixtures and settings of all tests; browser and broker are optional outside CI."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from streamlyt.connectors.kafka.broker import LocalBroker, _process, unavailable_reason
from tests._order import VARIABLE, seed_of_session, shuffled
from tests._waiting import patience, scaled
from tests.dashboards.chromium import BROWSERS

# Hypothesis fails a test whose examples are generated slowly, which depends on the load.
hypothesis.settings.register_profile(
    "any machine", suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

collect_ignore = ["codecs/fuzz.py"]  # a script of `make fuzz`, whose library the tests do not need


_worker_lines = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_worker_lines] = []
    _ = patience().factor, seed_of_session()  # an invalid variable ends the session here


def pytest_report_header() -> list[str]:
    return [patience().header(), f"order of tests: {VARIABLE}={seed_of_session()}"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["longer"] = patience().longer


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # A crashed worker has no output.
    node.config.stash[_worker_lines] += getattr(node, "workeroutput", {}).get("longer", [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if lines := patience().longer + config.stash[_worker_lines]:
        terminalreporter.section("prolonged waits")
        for line in lines:
            terminalreporter.write_line(line)


# Run files are marked with a key of the tests, in this process and its child processes.
_KEYS = tempfile.mkdtemp(prefix="streamlyt-tests-")
os.environ.setdefault("STREAMLYT_KEY_FILE", os.path.join(_KEYS, "run-file.key"))


def pytest_unconfigure() -> None:
    shutil.rmtree(_KEYS, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # pytest then groups the tests that share a parameter of a fixture
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = shuffled(items, [item.path for item in items], seed_of_session())
    if os.environ.get("CI"):
        return
    skip = {}
    if not any(map(shutil.which, BROWSERS)):
        skip["browser"] = "no Chromium; on Debian: apt-get install chromium"
    if any(item.get_closest_marker("kafka") for item in items) and (why := unavailable_reason()):
        skip["kafka"] = why
    for item in items:
        for marker, reason in skip.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A real broker on free ports with all its listeners, for the tests marked ``kafka``."""
    local = LocalBroker(
        tmp_path_factory.mktemp("broker"), 0, ("PLAINTEXT", "TLS", "SASL", "SASL_TLS")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_process, "_START_S", scaled(_process._START_S))
        patch.setattr(_process, "_STOP_S", scaled(_process._STOP_S))
        local.start()
        yield local
        local.kill()
