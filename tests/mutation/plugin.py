"""Plugin of pytest: measure each test, or run the measured ones, those that take least first.

Most mutants are killed by some test of a few milliseconds, and a survivor costs the sum of all.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

MEASURED, ORDER = "STREAMLYT_MUTANTS_MEASURED", "STREAMLYT_MUTANTS_ORDER"
"""Variables with the file to write, test -> seconds, and with the one to read."""

_seconds: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.skipped:
        _seconds[report.nodeid] += report.duration


def pytest_sessionfinish() -> None:
    if file := os.environ.get(MEASURED):
        Path(file).write_text(json.dumps(_seconds))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if file := os.environ.get(ORDER):
        seconds = json.loads(Path(file).read_text())
        left_out = [item for item in items if item.nodeid not in seconds]
        items[:] = sorted(
            (item for item in items if item.nodeid in seconds),
            key=lambda item: seconds[item.nodeid],
        )
        config.hook.pytest_deselected(items=left_out)
