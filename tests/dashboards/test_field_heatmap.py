"""Panels of forecasts of fields, of how long forecasts hold, and of how often rows are strange."""

import numpy as np
import pytest

from streamlyt.core import Batch, Event, Schema
from streamlyt.dashboards import Anomalies, Fields, Forecasts
from streamlyt.dashboards._report.forecast_report import ForecastPlotData, write_forecast_report
from streamlyt.runfile import RunFile
from tests._arrays import assert_all


@pytest.fixture
def kept(tmp_path):
    """Return a function that makes a run of some channels."""
    opened = []

    def make(values, *names, pipeline="", events=(), times=None):
        run = RunFile.create(tmp_path / f"{len(opened)}.streamlyt", pipeline=pipeline)
        opened.append(run)
        times = np.arange(len(values)) if times is None else times
        run.write_rows(Batch("a", times, values, Schema.of(*names)))
        for event in events:
            run.write_event(event)
        run.checkpoint({}, {}, complete=True)
        return run

    yield make
    for run in opened:
        run.close()


def field(kept, n, d, seed=0, **rest):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, d))
    said = truth + rng.normal(0, 0.1, (n, d))
    names = [f"u{i}" for i in range(d)]
    run = kept(np.hstack([truth, said]), *names, *(f"{u}.predicted" for u in names), **rest)
    return run, truth, said


def test_the_images_are_what_came_what_was_forecast_and_what_is_left(kept):
    run, truth, said = field(kept, 200, 16)
    panel = Fields(run, "a", points=200)
    assert panel.is_applicable()
    seen = panel.data()
    np.testing.assert_allclose(seen["truth"], truth.T)
    np.testing.assert_allclose(seen["forecast"], said.T)
    np.testing.assert_allclose(seen["error"], truth.T - said.T)
    drawn = panel.data_sources(seen)
    high = {name: drawn[name]["high"][0] for name in ("truth", "forecast", "error")}
    assert len(set(high.values())) == 1  # one scale
    assert high["truth"] == pytest.approx(np.percentile(np.abs(truth), 99.7))
    assert drawn["names"]["name"].tolist() == [f"u{i}" for i in range(16)]
    spread = float(panel.table().rows[0][2])
    assert spread == pytest.approx(np.sqrt(np.mean(truth[:10] ** 2)), rel=0.01)


def test_a_wide_field_is_drawn_by_every_second_channel_and_a_narrow_one_not_at_all(kept):
    run, *_ = field(kept, 30, 300)
    assert len(Fields(run, "a").channels) == 150
    run, *_ = field(kept, 30, 7)
    assert not Fields(run, "a").is_applicable()


def test_a_hole_in_time_is_a_hole_in_the_image(kept):
    times = np.concatenate([np.arange(50), np.arange(100, 150)])
    run, truth, _ = field(kept, 100, 8, times=times)
    panel = Fields(run, "a")
    panel.__dict__["axis"] = TimePlaces()
    seen = panel.data()
    assert np.isnan(seen["truth"][:, 45:60]).any(axis=0).sum() >= 10
    np.testing.assert_allclose(seen["truth"][:, 0], truth[0])
    np.testing.assert_allclose(seen["truth"][:, -1], truth[-1])


class TimePlaces:
    """An axis on which rows stand at their times."""

    def place(self, times, rows):
        return np.asarray(times, dtype=np.float64)


def test_fields_without_numbers_are_drawn_too(kept):
    names = [f"u{i}" for i in range(8)]
    for values in (np.full((20, 16), np.nan), np.zeros((1, 16))):
        panel = Fields(kept(values, *names, *(f"{u}.predicted" for u in names)), "a")
        assert len(panel.figures()) == 3
        panel.table()


def held_naive(truth, said):
    """Return, row by row, how long the error has been small."""
    spread, found, since = truth.var(axis=0), [], 0
    for i in range(len(truth)):
        error = np.mean((truth[i] - said[i]) ** 2 / spread)
        if not error <= 0.4**2:
            since = i
        found.append(np.nan if np.isnan(said[i]).any() else i - since)
    return found


def test_the_valid_time_is_how_long_the_error_has_been_small(kept):
    rng = np.random.default_rng(7)
    truth = rng.normal(size=(300, 2))
    said = truth + rng.normal(0, 0.22, (300, 2))
    said[:9] = np.nan
    said[100:104] += 3.0
    run = kept(np.hstack([truth, said]), "x", "y", "x.predicted", "y.predicted")
    panel = Forecasts(run, "a")
    seen = panel.data()
    np.testing.assert_array_equal(seen["valid"], held_naive(truth, said))
    assert seen["valid"][103] == 0
    assert panel.table().headings[-1] == "held, rows at most"
    still = kept(np.ones((50, 2)), "x", "x.predicted")
    assert Forecasts(still, "a").data()["valid"][-1] == 49  # no scale, and no error


def test_the_page_of_a_forecast_marks_until_when_it_is_expected_to_hold(tmp_path):
    rows = np.arange(40)
    some = np.random.default_rng(1).normal(size=(40, 1))
    for valid, told in ((None, False), (30, True)):
        drawn = ForecastPlotData(rows, rows, some, some, some - 1, some + 1, valid)
        series = {"a": (Schema.of("x"), drawn, "Told.")}
        page = write_forecast_report(series, tmp_path / "page.html", "A", "Lead").read_text()
        assert ("expected to hold until here" in page) == told


def test_the_rate_of_anomalies_is_the_share_of_strange_rows(kept):
    rng = np.random.default_rng(3)
    strange = (rng.random(600) < np.where(np.arange(600) < 400, 0.02, 0.3)).astype(float)
    threshold = np.where(np.arange(600) < 100, np.inf, 4.0)
    strange[:100] = 0.0
    values = np.column_stack([rng.normal(size=600), rng.normal(size=600), threshold, strange])
    names = ("x", "statistic", "threshold", "alarm")
    pipeline = '[[operators]]\nname = "mahalanobis"\n'
    panel = Anomalies(kept(values, *names, pipeline=pipeline), "a", points=600)
    assert panel.is_applicable()
    rate = panel.data()["rate"]
    assert_all(np.isnan, rate[:109])  # it learns, and ten buckets are the fewest
    naive = [100 * strange[max(100, i - 39) : i + 1].mean() for i in range(109, 600)]
    np.testing.assert_allclose(rate[109:], naive, atol=1e-9)
    coarse = Anomalies(panel.run, "a", points=60).data()["rate"]
    assert coarse[-1] == pytest.approx(100 * strange[200:].mean())  # 40 buckets of ten rows
    assert not Anomalies(
        kept(values, *names, pipeline='[[operators]]\nname = "newma"'), "a"
    ).is_applicable()
    assert not Anomalies(kept(values, *names, pipeline="= no TOML"), "a").is_applicable()
    found = [Event("a", "one_class_svm", 300, 300, 300, 300, 5.0, 4.0)]
    assert Anomalies(kept(values, *names, events=found), "a").is_applicable()
