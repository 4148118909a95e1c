"""``streamlyt forecast``: forecasts, prediction intervals and report of a table."""

import csv
import io
import json

import numpy as np
import pytest

from streamlyt.cli._forecasting.forecast import _Trainer
from streamlyt.config.pipeline_file import load
from streamlyt.reservoirs import RobustForecaster
from streamlyt.systems import Lorenz
from tests.cli.running import cli, refused


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    months = np.arange(160)
    noise = np.random.default_rng(0).normal(size=160)
    sales = 100 + months + 20 * np.sin(months * np.pi / 6) + noise
    (folder / "sales.csv").write_text(
        "month,sales\n" + "".join(f"{m},{v:.4f}\n" for m, v in enumerate(sales))
    )
    keyed = [f"{shop},{v + 50 * (shop == 'b'):.4f}\n" for v in sales for shop in "ab"]
    (folder / "keyed.csv").write_text("shop,sales\n" + "".join(keyed))
    missing = [f"{'' if m in (40, 90) else v}\n" for m, v in enumerate(sales)]
    (folder / "missing.csv").write_text("sales,x\n" + "".join(h.strip() + ",1\n" for h in missing))
    (folder / "short.csv").write_text("x\n" + "".join(f"{v}\n" for v in range(5, 27)))
    (folder / "flat.csv").write_text("x,y\n" + "".join(f"{v},7\n" for v in sales))
    np.save(folder / "lorenz.npy", Lorenz(seed=3).sample(3000))
    return folder


def lines(*words):
    done = cli("forecast", *words, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_season_continues_with_intervals_near_the_noise(tables):
    found, said = lines(tables / "sales.csv", "--horizon", 12)
    assert [line["row"] for line in found] == list(range(160, 172))
    assert {line["channel"] for line in found} == {"sales"}
    truth = 100 + np.arange(160, 172) + 20 * np.sin(np.arange(160, 172) * np.pi / 6)
    assert np.abs([line["forecast"] for line in found] - truth).max() < 6
    assert all(line["lower"] < line["forecast"] < line["upper"] for line in found)
    assert "Excluded counters: month." in said
    assert "12 steps after row 159. Backtest on the last 12 rows: RMSE " in said
    assert " × persistence, 90% interval covered " in said


def test_a_noise_free_system_selects_the_reservoir(tables):
    found, said = lines(tables / "lorenz.npy", "--horizon", 60)
    assert len(found) == 180
    truth = Lorenz(seed=3).sample(3060)[3000:].ravel()
    assert np.abs([line["forecast"] for line in found] - truth).max() < 1
    assert "RMSE 0.00 × persistence" in said


def test_a_named_model_and_its_parameters_are_used(tables):
    one, _ = lines(tables / "sales.csv", "--set", "n_delays=3", "--set", "n_components=20")
    other, _ = lines(tables / "sales.csv")
    named, _ = lines(tables / "sales.csv", "--model", "robust_forecaster")
    assert one != other == named
    assert len(other) == 16  # a tenth of the rows


def test_every_series_is_forecast_alone(tables):
    found, said = lines(tables / "keyed.csv", "--key-column", "shop", "--horizon", 3)
    assert [line["key"] for line in found] == ["a"] * 3 + ["b"] * 3
    assert found[3]["forecast"] - found[0]["forecast"] == pytest.approx(50, abs=1)
    assert "keyed.csv, b: 3 steps after row " in said


def test_a_named_model_restarts_for_each_series(tables):
    words = "--model", "robust_forecaster", "--horizon", 3
    named, _ = lines(tables / "keyed.csv", "--key-column", "shop", *words)
    usual, _ = lines(tables / "keyed.csv", "--key-column", "shop", "--horizon", 3)
    assert named == usual


def test_table_and_csv_agree(tables):
    done = cli("forecast", tables / "sales.csv", "--horizon", 2, "--format", "csv")
    read = list(csv.DictReader(io.StringIO(done.stdout)))
    table = cli("forecast", tables / "sales.csv", "--horizon", 2).stdout
    assert f"{float(read[1]['forecast']):.5g}" in table
    assert f"{float(read[1]['lower']):.5g} to {float(read[1]['upper']):.5g}" in table
    assert "90% interval" in table


def test_report_is_self_contained_and_shows_the_pipeline(tables, tmp_path):
    pytest.importorskip("bokeh")
    page = tmp_path / "f.html"
    done = cli("forecast", tables / "keyed.csv", "--key-column", "shop", "--report", page)
    assert done.exit_code == 0
    text = page.read_text()
    assert len(text) < 3_000_000
    assert "<h1>Forecast of keyed.csv</h1>" in text
    assert text.count('<section class="series"') == 2
    pipeline = text.partition("<pre>")[2].partition("</pre>")[0]
    operators = load(pipeline.replace("&quot;", '"').replace("&#x27;", "'")).operators
    assert list(operators) == ["robust_forecaster"]


def test_missing_values_are_rejected_dropped_or_filled(tables):
    words = ("forecast", tables / "missing.csv", "--columns", "sales")
    refused(cli(*words), 1, "none in row 40", "--missing drop")
    found, _ = lines(*words[1:], "--missing", "drop", "--horizon", 2)
    assert [line["row"] for line in found] == [160, 161]
    filled, _ = lines(*words[1:], "--missing", "ffill", "--horizon", 2)
    assert filled[0]["forecast"] != found[0]["forecast"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("sales.csv", "--horizon", "0"), 2, "--horizon must be at least 1 step, got 0"),
        (("sales.csv", "--coverage", "90"), 2, "--coverage must be in (0, 1)"),
        (("short.csv",), 1, "a forecast of 2 rows needs at least 32 rows, got 22"),
        (("sales.csv", "--horizon", "150"), 1, "needs at least 180 rows, got 160"),
        (("flat.csv",), 1, "'y' must vary to be forecast, got 7 in all rows"),
        (("sales.csv", "--model", "robust_forecastr"), 2, "did you mean"),
        (("sales.csv", "--model", "echo_state_network"), 2, "must hold one forecaster"),
        (("sales.csv", "--set", "delays"), 2, "--set must be NAME=VALUE, for example n_delays=53"),
        (("sales.csv", "--set", "delay=5"), 2, "did you mean n_delays"),
        (("sales.csv", "--report", "sales.csv"), 2, "an HTML file to replace"),
    ],
)
def test_errors_are_one_line(tables, monkeypatch, words, status, said):
    monkeypatch.chdir(tables)
    done = cli("forecast", *words)
    assert done.exit_code == status
    assert done.stdout == ""
    assert said in done.stderr.splitlines()[-1]


def test_the_progress_bar_counts_all_rows_and_changes_no_bit():
    rows = np.random.default_rng(0).normal(size=(1234, 1)).cumsum(axis=0)
    seen = []
    found = _Trainer(seen.append)(RobustForecaster(2, 5), rows)
    np.testing.assert_array_equal(found, _Trainer(None)(RobustForecaster(2, 5), rows))
    assert seen == [500, 1000, 1234]
