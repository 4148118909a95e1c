"""Panels of fields, valid prediction time and anomaly rate."""

import numpy as np
import pytest

from streamlyt.core import Batch, Event, Schema
from streamlyt.dashboards import Anomalies, Fields, Forecasts
from streamlyt.dashboards._report.forecast_report import ForecastPlotData, write_forecast_report
from streamlyt.runfile import RunFile
from tests._arrays import assert_all


@pytest.fixture
def make_run(tmp_path):
    """Return a function that creates a run."""
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


def field(make_run, n, d, seed=0, **rest):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, d))
    forecast = truth + rng.normal(0, 0.1, (n, d))
    names = [f"u{i}" for i in range(d)]
    run = make_run(np.hstack([truth, forecast]), *names, *(f"{u}.predicted" for u in names), **rest)
    return run, truth, forecast


def test_the_images_are_observed_forecast_and_error(make_run):
    run, truth, forecast = field(make_run, 200, 16)
    panel = Fields(run, "a", points=200)
    assert panel.is_applicable()
    seen = panel.data()
    np.testing.assert_allclose(seen["truth"], truth.T)
    np.testing.assert_allclose(seen["forecast"], forecast.T)
    np.testing.assert_allclose(seen["error"], truth.T - forecast.T)
    drawn = panel.data_sources(seen)
    high = {name: drawn[name]["high"][0] for name in ("truth", "forecast", "error")}
    assert len(set(high.values())) == 1  # one scale
    assert high["truth"] == pytest.approx(np.percentile(np.abs(truth), 99.7))
    assert drawn["names"]["name"].tolist() == [f"u{i}" for i in range(16)]
    spread = float(panel.table().rows[0][2])
    assert spread == pytest.approx(np.sqrt(np.mean(truth[:10] ** 2)), rel=0.01)


def test_a_wide_field_shows_every_second_channel_and_a_narrow_one_has_no_image(make_run):
    run, *_ = field(make_run, 30, 300)
    assert len(Fields(run, "a").channels) == 150
    run, *_ = field(make_run, 30, 7)
    assert not Fields(run, "a").is_applicable()


def test_a_gap_in_time_is_a_gap_in_the_image(make_run):
    times = np.concatenate([np.arange(50), np.arange(100, 150)])
    run, truth, _ = field(make_run, 100, 8, times=times)
    panel = Fields(run, "a")
    panel.__dict__["axis"] = TimePlaces()
    seen = panel.data()
    assert np.isnan(seen["truth"][:, 45:60]).any(axis=0).sum() >= 10
    np.testing.assert_allclose(seen["truth"][:, 0], truth[0])
    np.testing.assert_allclose(seen["truth"][:, -1], truth[-1])


class TimePlaces:
    """An axis on which positions are times."""

    def place(self, times, rows):
        return np.asarray(times, dtype=np.float64)


def test_fields_without_numbers_are_drawn_too(make_run):
    names = [f"u{i}" for i in range(8)]
    for values in (np.full((20, 16), np.nan), np.zeros((1, 16))):
        panel = Fields(make_run(values, *names, *(f"{u}.predicted" for u in names)), "a")
        assert len(panel.figures()) == 3
        panel.table()


def held_naive(truth, forecast):
    """Return, row by row, how long the error has been small."""
    spread, found, since = truth.var(axis=0), [], 0
    for i in range(len(truth)):
        error = np.mean((truth[i] - forecast[i]) ** 2 / spread)
        if not error <= 0.4**2:
            since = i
        found.append(np.nan if np.isnan(forecast[i]).any() else i - since)
    return found


def test_the_valid_prediction_time_is_how_long_the_error_has_been_small(make_run):
    rng = np.random.default_rng(7)
    truth = rng.normal(size=(300, 2))
    forecast = truth + rng.normal(0, 0.22, (300, 2))
    forecast[:9] = np.nan
    forecast[100:104] += 3.0
    run = make_run(np.hstack([truth, forecast]), "x", "y", "x.predicted", "y.predicted")
    panel = Forecasts(run, "a")
    seen = panel.data()
    np.testing.assert_array_equal(seen["valid"], held_naive(truth, forecast))
    assert seen["valid"][103] == 0
    assert panel.table().headings[-1] == "valid prediction time (rows, maximum)"
    constant = make_run(np.ones((50, 2)), "x", "x.predicted")
    assert Forecasts(constant, "a").data()["valid"][-1] == 49  # no scale, and no error


def test_the_forecast_report_marks_the_end_of_the_valid_prediction_time(tmp_path):
    rows = np.arange(40)
    some = np.random.default_rng(1).normal(size=(40, 1))
    for valid, marked in ((None, False), (30, True)):
        drawn = ForecastPlotData(rows, rows, some, some, some - 1, some + 1, valid)
        series = {"a": (Schema.of("x"), drawn, "A sentence.")}
        page = write_forecast_report(series, tmp_path / "page.html", "A", "Lead").read_text()
        assert ("end of the valid prediction time" in page) == marked


def test_the_anomaly_rate_is_the_share_of_anomalies(make_run):
    rng = np.random.default_rng(3)
    anomalies = (rng.random(600) < np.where(np.arange(600) < 400, 0.02, 0.3)).astype(float)
    threshold = np.where(np.arange(600) < 100, np.inf, 4.0)
    anomalies[:100] = 0.0
    values = np.column_stack([rng.normal(size=600), rng.normal(size=600), threshold, anomalies])
    names = ("x", "statistic", "threshold", "alarm")
    pipeline = '[[operators]]\ntype = "mahalanobis"\n'
    panel = Anomalies(make_run(values, *names, pipeline=pipeline), "a", points=600)
    assert panel.is_applicable()
    rate = panel.data()["rate"]
    assert_all(np.isnan, rate[:109])  # warm-up, and at least ten buckets
    naive = [100 * anomalies[max(100, i - 39) : i + 1].mean() for i in range(109, 600)]
    np.testing.assert_allclose(rate[109:], naive, atol=1e-9)
    coarse = Anomalies(panel.run, "a", points=60).data()["rate"]
    assert coarse[-1] == pytest.approx(100 * anomalies[200:].mean())  # 40 buckets of ten rows
    assert not Anomalies(
        make_run(values, *names, pipeline='[[operators]]\ntype = "newma"'), "a"
    ).is_applicable()
    assert not Anomalies(make_run(values, *names, pipeline="= no TOML"), "a").is_applicable()
    found = [Event("a", "one_class_svm", 300, 300, 300, 300, 5.0, 4.0)]
    assert Anomalies(make_run(values, *names, events=found), "a").is_applicable()
