"""``streamlyt detect``: recorded tables of every kind."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from streamlyt.runfile import RunFile
from tests.cli.running import cli, events, refused

CHANGE = 1200


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """One recording as CSV, Parquet and NPY: a fast column, a slow one, text, series, times."""
    folder = tmp_path_factory.mktemp("tables")
    n, rng = 2400, np.random.default_rng(0)
    rows = rng.normal(size=(n, 3))
    rows[CHANGE:, 1] += 4
    table = pa.table(
        {
            "at": pa.array(np.arange(n) * 10**9 + 1_700_000_000 * 10**9, pa.timestamp("ns")),
            "state": ["on"] * n,
            "pump": np.where(np.arange(n) % 2, "left", "right"),
            "flow": rows[:, 0],
            "heat": rows[:, 1],
            "noise": rows[:, 2],
        }
    )
    csv.write_csv(table.drop(["at"]), folder / "t.csv")
    parquet.write_table(table, folder / "t.parquet")
    np.save(folder / "t.npy", rows)
    return folder


def detected(*words):
    done = cli("detect", *words, "--window", 50, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    return events(done)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npy"])
def test_every_kind_of_table_gives_the_same_event(tables, name):
    [event] = detected(tables / name)
    assert abs(event["change_index"] - CHANGE) <= 10
    assert event["channels"][0] in ("heat", "x1")
    assert event["time_unit"] == "step"


def test_only_named_columns_are_monitored(tables):
    assert detected(tables / "t.csv", "--columns", "flow,noise") == []
    assert len(detected(tables / "t.csv", "--columns", "heat")) == 1


def test_event_times_come_from_the_time_column(tables):
    [event] = detected(tables / "t.parquet", "--time-column", "at")
    assert event["time_unit"] == "ns"
    assert abs(event["change_time"] - (1_700_000_000 + CHANGE) * 10**9) <= 10 * 10**9
    table = cli("detect", tables / "t.parquet", "--time-column", "at", "--window", 50)
    assert "2023-11-14 22:33" in table.stdout


def test_each_series_has_its_own_detector_and_events(tables):
    both = detected(tables / "t.csv", "--key-column", "pump")
    assert [event["key"] for event in both] in (["left", "right"], ["right", "left"])
    assert all(abs(event["change_index"] - CHANGE / 2) <= 10 for event in both)
    table = cli("detect", tables / "t.csv", "--key-column", "pump", "--window", 50)
    assert "series" in table.stdout
    assert "left" in table.stdout


@pytest.mark.parametrize("null_model", ["auto", "iid", "adaptive", "empirical"])
def test_every_null_model_runs(tables, null_model):
    done = cli(
        "detect",
        tables / "t.csv",
        "--null-model",
        null_model,
        "--format",
        "jsonl",
        "--window",
        50,
    )
    assert done.exit_code == 0
    alarms = [event["alarm_index"] for event in events(done)]
    # The adaptive threshold is a rate per row: it raises false alarms, too.
    assert any(CHANGE <= index <= CHANGE + 60 for index in alarms) or null_model == "adaptive"


def test_independent_null_model_warns_about_dependent_rows(tables, tmp_path):
    steps = np.cumsum(np.random.default_rng(0).normal(size=(900, 2)), axis=0)
    np.save(tmp_path / "walk.npy", steps)
    warning = "--null-model iid does not fit: rows are serially dependent"
    assert warning in cli("detect", tmp_path / "walk.npy", "--null-model", "iid").stderr
    assert warning not in cli("detect", tmp_path / "walk.npy").stderr
    assert warning not in cli("detect", tables / "t.csv", "--null-model", "iid").stderr


def test_report_run_resume_and_status(tables, tmp_path):
    run, page = tmp_path / "t.streamlyt", tmp_path / "t.html"
    words = ("detect", tables / "t.csv", "--window", 50, "--run-file", run, "--report", page)
    assert cli(*words, "--fail-on-change").exit_code == 3
    assert cli(*words, "--resume").exit_code == 0
    assert page.exists()
    with RunFile.open(run) as opened:
        assert len(opened.events()) == 1
        assert opened.n_rows("") == 2400


def test_a_short_table_is_split_offline(tmp_path):
    rows = np.random.default_rng(1).normal(size=(100, 2))
    rows[40:, 0] += 3
    np.save(tmp_path / "short.npy", rows)
    done = cli("detect", tmp_path / "short.npy", "--format", "jsonl")
    assert "100 rows are too few for online detection" in done.stderr
    [event] = events(done)
    assert (event["detector"], event["channels"][0]) == ("offline_split", "x0")
    assert abs(event["change_index"] - 40) <= 2


def test_markup_in_a_column_name_is_printed_verbatim(tmp_path):
    rows = np.random.default_rng(1).normal(size=(100, 2))
    rows[40:, 0] += 3
    text = "[bold]a,b\n" + "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "t.csv").write_text(text)
    assert "[bold]a" in cli("detect", tmp_path / "t.csv").stdout


def test_a_text_column_is_rejected(tables):
    refused(cli("detect", tables / "t.parquet", "--columns", "state"), 1, "t.parquet", "'on'")


def test_a_missing_value_is_reported_with_column_and_row(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,\n")
    refused(
        cli("detect", tmp_path / "t.csv"),
        1,
        "'b'",
        "row 1 (from 0)",
        "missing values in 1 of 2 rows",
        "--missing drop",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--columns", "hea"), "did you mean 'heat'"),
        (("--time-column", "att"), "time_column must be a column"),
        (("--key-column", "pum"), "did you mean 'pump'"),
        (("--window", 3), "window must be at least 16 rows or None, got 3"),
        (
            ("--null-model", "adaptive", "--arl", 100),
            "--arl needs --null-model auto, iid or empirical",
        ),
    ],
)
def test_invalid_options_are_usage_errors(tables, words, message):
    refused(cli("detect", tables / "t.parquet", *words), 2, message)


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("nope.csv", None, 1, "does not exist"),
        ("t.xlsx", b"a", 2, "must end in one of"),
        ("t.csv", b"", 1, "empty file"),
        ("t.npy", b"\x93NUMPY", 1, "complete NPY file"),
        ("t.parquet", b"PAR1", 1, "complete Parquet file"),
        ("t.csv", b"a\nx\n", 1, "numeric column"),
    ],
)
def test_unreadable_tables_are_rejected(tmp_path, name, content, status, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(cli("detect", tmp_path / name), status, message)
