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


def found(*words):
    done = cli("detect", *words, "--window", 50, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    return events(done)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npy"])
def test_every_kind_of_table_gives_the_same_finding(tables, name):
    [event] = found(tables / name)
    assert abs(event["change_index"] - CHANGE) <= 10
    assert event["channels"][0] in ("heat", "x1")
    assert event["time_unit"] == "step"


def test_only_the_columns_that_are_named_are_watched(tables):
    assert found(tables / "t.csv", "--columns", "flow,noise") == []
    assert len(found(tables / "t.csv", "--columns", "heat")) == 1


def test_times_are_those_of_their_column(tables):
    [event] = found(tables / "t.parquet", "--time", "at")
    assert event["time_unit"] == "ns"
    assert abs(event["change_time"] - (1_700_000_000 + CHANGE) * 10**9) <= 10 * 10**9
    table = cli("detect", tables / "t.parquet", "--time", "at", "--window", 50)
    assert "2023-11-14 22:33" in table.stdout


def test_each_series_has_its_own_detector_and_events(tables):
    both = found(tables / "t.csv", "--key", "pump")
    assert [event["key"] for event in both] in (["left", "right"], ["right", "left"])
    assert all(abs(event["change_index"] - CHANGE / 2) <= 10 for event in both)
    table = cli("detect", tables / "t.csv", "--key", "pump", "--window", 50)
    assert "series" in table.stdout
    assert "left" in table.stdout


@pytest.mark.parametrize("null", ["auto", "independent", "adaptive", "learned"])
def test_every_null_model_runs(tables, null):
    done = cli("detect", tables / "t.csv", "--null", null, "--format", "jsonl", "--window", 50)
    assert done.exit_code == 0
    found = [event["alarm_index"] for event in events(done)]
    # The adaptive threshold is a rate per row: it alarms where nothing is, too.
    assert any(CHANGE <= index <= CHANGE + 60 for index in found) or null == "adaptive"


def test_calling_rows_independent_that_are_not_is_doubted(tables, tmp_path):
    steps = np.cumsum(np.random.default_rng(0).normal(size=(900, 2)), axis=0)
    np.save(tmp_path / "walk.npy", steps)
    doubt = "--null independent does not fit: rows depend on those before them"
    assert doubt in cli("detect", tmp_path / "walk.npy", "--null", "independent").stderr
    assert doubt not in cli("detect", tmp_path / "walk.npy").stderr
    assert doubt not in cli("detect", tables / "t.csv", "--null", "independent").stderr


def test_report_run_resume_and_status(tables, tmp_path):
    run, page = tmp_path / "t.streamlyt", tmp_path / "t.html"
    words = ("detect", tables / "t.csv", "--window", 50, "--run", run, "--report", page)
    assert cli(*words, "--fail-on-change").exit_code == 3
    assert cli(*words, "--resume").exit_code == 0
    assert page.exists()
    with RunFile.open(run) as opened:
        assert len(opened.events()) == 1
        assert opened.n_rows("") == 2400


def test_a_short_table_is_split_off_line(tmp_path):
    rows = np.random.default_rng(1).normal(size=(100, 2))
    rows[40:, 0] += 3
    np.save(tmp_path / "short.npy", rows)
    done = cli("detect", tmp_path / "short.npy", "--format", "jsonl")
    assert "100 rows are too few for an on-line alarm" in done.stderr
    [event] = events(done)
    assert (event["detector"], event["channels"][0]) == ("offline_split", "x0")
    assert abs(event["change_index"] - 40) <= 2


def test_a_name_that_looks_like_markup_is_printed_as_it_is(tmp_path):
    rows = np.random.default_rng(1).normal(size=(100, 2))
    rows[40:, 0] += 3
    text = "[bold]a,b\n" + "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "t.csv").write_text(text)
    assert "[bold]a" in cli("detect", tmp_path / "t.csv").stdout


def test_a_column_of_text_is_refused(tables):
    refused(cli("detect", tables / "t.parquet", "--columns", "state"), 1, "t.parquet", "'on'")


def test_a_hole_is_named_with_its_column_and_time(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,\n")
    refused(
        cli("detect", tmp_path / "t.csv"),
        1,
        "'b'",
        "row 1 (from 0)",
        "1 of 2 rows has such holes",
        "--missing drop",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--columns", "hea"), "did you mean 'heat'"),
        (("--time", "att"), "time must name"),
        (("--key", "pum"), "did you mean 'pump'"),
        (("--window", 3), "window must be at least 16 rows or None, got 3"),
        (
            ("--null", "adaptive", "--arl", 100),
            "--arl must go with --null auto, learned or independent",
        ),
    ],
)
def test_options_that_cannot_hold_are_usage_errors(tables, words, said):
    refused(cli("detect", tables / "t.parquet", *words), 2, said)


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("nope.csv", None, 1, "not there"),
        ("t.xlsx", b"a", 2, "must end in one of"),
        ("t.csv", b"", 1, "empty file"),
        ("t.npy", b"\x93NUMPY", 1, "whole NPY file"),
        ("t.parquet", b"PAR1", 1, "whole Parquet file"),
        ("t.csv", b"a\nx\n", 1, "numeric column"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path, name, content, status, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(cli("detect", tmp_path / name), status, said)
