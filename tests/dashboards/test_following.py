"""Panels of forecasters and learners."""

import re
import textwrap
from types import ModuleType

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.dashboards import Forecasts, Models, Panel
from streamlyt.dashboards._data.rolling_error import rolling_error
from streamlyt.dashboards._data.snapshot import RunSnapshot
from streamlyt.dashboards._page.panel_selection import recorded_panels
from streamlyt.dashboards._panel import Table
from streamlyt.dashboards._server.frames import build_frame
from streamlyt.dashboards._server.view import View
from streamlyt.runfile import RunFile
from tests._arrays import assert_same_bits
from tests._public_api import ROOT
from tests.dashboards.live import unpacked


@pytest.fixture
def make_run(tmp_path):
    """Return a function that creates runs of one series, ``a``."""
    runs = []

    def make(values, *names):
        run = RunFile.create(tmp_path / f"{len(runs)}.streamlyt", pipeline="")
        run.write_rows(Batch("a", np.arange(len(values)), values, Schema.of(*names)))
        run.checkpoint({}, {})
        runs.append(run)
        return run

    yield make
    for run in runs:
        run.close()


@pytest.mark.parametrize("before", [True, False])
def test_a_rolling_error_is_the_root_mean_square_of_the_last_errors(before):
    error = np.random.default_rng(0).normal(size=60)
    error[[3, 20, 21, 22]] = np.nan
    found = rolling_error(error, 4, before=before)
    for i in range(60):
        stop = i if before else i + 1
        window = error[max(stop - 4, 0) : stop]
        window = window[np.isfinite(window)]
        expected = np.sqrt(np.mean(window**2)) if window.size else np.nan
        assert found[i] == pytest.approx(expected, nan_ok=True, rel=1e-9)


def test_a_forecast_has_a_band_that_contains_most_observed_values(make_run):
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(size=500))
    forecast = x + rng.normal(0, 0.5, 500)
    forecast[:10] = np.nan
    panel = Forecasts(make_run(np.column_stack([x, x, forecast]), "other", "x", "x.predicted"), "a")
    seen = panel.data()
    assert panel.channels == ["x"]
    assert_same_bits(seen["truth_0"], x)
    assert_same_bits(seen["error_0"], x - forecast)
    inside = (seen["lower_0"] < x) & (x < seen["upper_0"])
    assert 0.9 < inside[60:].mean() < 0.99
    assert len(panel.table().rows) == 20


def test_a_model_that_learns_nothing_is_no_better_than_persistence(make_run):
    rng = np.random.default_rng(2)
    y = np.cumsum(rng.normal(size=400))
    persistence = np.concatenate([[0.0], y[:-1]])
    panel = Models(make_run(np.column_stack([y, y, persistence]), "x", "y", "prediction"), "a")
    seen = panel.data()
    assert panel.target == "y"
    assert np.allclose(seen["score"][60:], seen["persistence"][60:])


def test_a_page_has_the_panels_that_apply_to_its_series(make_run):
    values = np.random.default_rng(3).normal(size=(300, 4))

    def found(*names):
        run = make_run(values[:, : len(names)], *names)
        return [type(panel).__name__ for panel in recorded_panels(run, "a", 100, 50)]

    assert found("x", "y") == ["Observable", "Attribution"]
    field = [f"u{i}" for i in range(8)]
    wide = np.tile(values, 4)
    run = make_run(wide, *field, *(f"{name}.predicted" for name in field))
    made = [type(panel).__name__ for panel in recorded_panels(run, "a", 100, 50)]
    assert made == ["Fields", "Forecasts", "Observable", "Attribution"]
    assert found("x", "x.predicted") == ["Forecasts", "Observable", "Attribution"]
    assert found("x", "y", "prediction") == ["Models", "Observable", "Attribution"]
    assert found("statistic", "threshold", "alarm") == ["ChangePoints", "Observable", "Attribution"]


def test_the_panel_of_the_contributing_guide_works(make_run):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    [recipe] = re.findall(r"   ```python\n(   class Spread\(Panel\):.*?)   ```", text, re.DOTALL)
    module = ModuleType("streamlyt.dashboards.spread")
    module.__package__ = "streamlyt.dashboards"
    vars(module).update(Panel=Panel, Table=Table)
    exec(textwrap.dedent(recipe), vars(module))
    module.Spread.__module__ = module.__name__
    values = np.random.default_rng(4).normal(size=(300, 2))
    run = make_run(values, "x", "y")

    def made(run, key, points, bins):
        return [module.Spread(run, key, points)]

    frame, sources = unpacked(build_frame(RunSnapshot(run), View("a", last=None, width=30), made))
    spread = [np.ptp(values[i : i + 10, 0]) for i in range(0, 300, 10)]
    assert np.allclose(sources["spread.main"]["spread"], spread)
    [figure] = made(run, "a", 30, 30)[0].figures().values()
    assert [source.name for source in figure.select({"name": "spread.main"})] == ["spread.main"]
    assert "spread" in frame["shape"]
    assert made(run, "a", 30, 30)[0].table().rows == ((f"{max(spread):.3g}",),)
