"""Every Python block of the documentation runs, and gives what the text beside it says."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from streamlyt import RunFile
from streamlyt.connectors import MemorySource
from streamlyt.connectors.kafka.broker import LocalBroker
from streamlyt.core import Schema
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from tests._public_api import ROOT
from tests._waiting import line_of

PAGES = {page.stem: page for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
# A comment directly before a block says why it cannot run in a test.
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n+)?```python\n(?P<code>.*?)```", re.S)
SERVED = {"kafka": "broker", "dashboards": "browser"}  # pages with tests of their own, below
# Fewer rows than on the page: what is asserted does not depend on them, and time does.
FEWER = {
    "forecasting": {"20_000": "4_000", "forecast_interval(500": "forecast_interval(50"},
    "kafka": {'"sensors"': '"sensors-of-the-page"'},  # a topic that no other test writes to
}
# What the text of a page claims of the results of its blocks.
CLAIMS = {
    "features": (
        "phi.shape == (256, 10_000) and phi.dtype == np.float32",
        # The largest of 32,896 errors, each of variance `variance / m`: five standard errors, and
        # the rounding of sums of 10,000 single-precision products.
        "(abs(error) < 5 * np.sqrt(features.variance(x, x)) + 1e-3 * features.kernel(x, x)).all()",
        "model.predict_one({'x': 1.0}) == 0.0",
    ),
    "forecasting": (
        "future.shape == (500, 3) and np.isfinite(future[0]).all()",
        "predicted.shape == rows.shape",
        "(interval.lower <= interval.upper)[np.isfinite(interval.lower)].all()",
        "0 < interval.valid_steps <= 50",
    ),
    "models": ("predictions.shape == (300,)", "np.isfinite(model.predict(rows)).all()"),
    "run-file": ("len(run_events) == 1", "times.shape == (3000,)", "values.shape == (3000, 2)"),
}


def blocks(page: str) -> list[str]:
    """Return the blocks of a page that run."""
    return [m["code"] for m in BLOCK.finditer(PAGES[page].read_text()) if m["why"] is None]


def run(page: str, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Run the blocks of a page one after another, with the names of the earlier ones."""
    for code in blocks(page):
        for text, fewer in FEWER.get(page, {}).items():
            code = code.replace(text, fewer)
        capsys.readouterr()
        exec(compile(code, PAGES[page].name, "exec"), names)
        comments = re.findall(r"print\(.*\)  # (.*)", code)
        if comments:
            assert capsys.readouterr().out.splitlines() == comments


def write_run(path: Path) -> int:
    """Write a run with one event; return their number."""
    rows = np.random.default_rng(0).normal(size=(3000, 2))
    rows[2500:] += 3.0
    with RunFile.create(path, pipeline="") as run:
        source = MemorySource(rows, np.arange(3000), Schema.of("x", "y"), "pump")
        return len(LocalEngine(source, Pipeline([NEWMA(20)]), [], run).run().events)


def test_pages_and_blocks_are_found() -> None:
    fences = sum(page.read_text().count("```python") for page in PAGES.values())
    found = sum(len(BLOCK.findall(page.read_text())) for page in PAGES.values())
    assert fences == found > 10
    ran = sum(len(blocks(page)) for page in PAGES)
    assert found - ran <= 1  # one needs a GPU


@pytest.mark.parametrize("page", sorted(p for p in PAGES if blocks(p) and p not in SERVED))
def test_python_blocks_of_a_page_run(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(300, 3))
    names: dict[str, Any] = {"__name__": "example", "np": np}
    if page == "models":
        names |= {"rows": rows, "targets": rows.sum(axis=1)}
    if page == "run-file":
        names["run_events"] = range(write_run(tmp_path / "my.streamlyt"))
    run(page, names, capsys)
    for claim in CLAIMS.get(page, ()):
        assert eval(claim, names), claim
    left = {path.name for path in tmp_path.iterdir()}
    assert {name for name in left if not name.startswith("my.streamlyt")} == set()


@pytest.mark.kafka
def test_python_block_about_kafka_finds_its_change(
    broker: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "example", "SERVERS": broker.servers["PLAINTEXT"]}
    run("kafka", names, capsys)
    (line,) = capsys.readouterr().out.splitlines()
    key, change = line.split()
    assert key == "pump-1"
    assert abs(int(change) - 4000) <= 20


def test_python_block_about_dashboards_serves_pages(tmp_path: Path) -> None:
    write_run(tmp_path / "plant.streamlyt")
    (code,) = blocks("dashboards")
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = line_of(process.stdout, "the address of the pages").strip()
        with urlopen(address) as answer:
            assert b"pump" in answer.read()
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0
