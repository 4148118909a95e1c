"""Status lines of ``streamlyt detect`` about columns, short series and warm-up."""

import os

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from tests.cli.running import cli, events, refused, shell

N, CHANGE = 3000, 1500


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A typical log: a clock, two measurements, a state, an identifier."""
    rows = np.random.default_rng(0).normal(size=(N, 2))
    rows[CHANGE:, 0] += 3
    path = tmp_path_factory.mktemp("log") / "log.csv"
    table = {
        "timestamp": np.arange(N) + 1_700_000_000,
        "a": rows[:, 0],
        "b": rows[:, 1],
        "state": np.where(np.arange(N) % 7, "ok", "bad"),
        "id": [f"row {i}" for i in range(N)],
    }
    csv.write_csv(pa.table(table), path)
    return path


def test_excluded_columns_are_reported(logged):
    done = cli("detect", logged, "--format", "jsonl")
    assert "Columns: a, b; excluded: timestamp (time), state (text), id (text)" in done.stderr
    assert "state has 2 values; use --key-column state for one series per value" in done.stderr
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 5


def test_a_named_clock_is_monitored_with_a_warning(logged):
    done = cli("detect", logged, "--columns", "timestamp,a")
    assert "timestamp is a counter, which hides changes" in done.stderr
    assert "Columns:" not in done.stderr
    assert "no change in 3,000 rows (warm-up: rows 0-511)" in done.stderr


def test_spaces_in_column_lists_are_ignored(logged):
    assert len(events(cli("detect", logged, "--columns", " a, b ,", "--format", "jsonl"))) == 1
    refused(cli("detect", logged, "--columns", " ,"), 2, "--columns must be comma-separated names")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--columns", "A,b"), "did you mean 'a'?"),
        (("--key-column", "STAT"), "did you mean 'state'?"),
        (("--time-column", "timestmp"), "did you mean 'timestamp'?"),
        (("--key-column", "machine"), "use one of 'timestamp', 'a', 'b'"),
    ],
)
def test_an_unknown_column_is_reported_with_known_ones(logged, words, meant):
    refused(cli("detect", logged, *words), 2, meant)


def test_a_key_that_hardly_repeats_gives_a_warning(logged):
    done = cli("detect", logged, "--key-column", "id")
    assert "--key-column id gives 3,000 series in the first 3,000 rows" in done.stderr
    assert "all 3,000 series have too few rows for online detection" in done.stderr
    assert "no change" not in done.stderr


def test_short_series_are_reported_next_to_long_ones(tmp_path):
    rng = np.random.default_rng(2)
    short = rng.normal(size=60)
    short[30:] += 5
    lines = [f"long,{v}" for v in rng.normal(size=600)] + [f"short,{v}" for v in short]
    (tmp_path / "t.csv").write_text("\n".join(["machine,v", *lines]))
    words = ("detect", tmp_path / "t.csv", "--key-column", "machine", "--format", "jsonl")
    done = cli(*words, "--fail-on-change")
    assert done.exit_code == 0  # an offline split is no alarm
    closing, short_line = done.stderr.splitlines()[-2:]
    assert "no change in 660 rows of 2 series" in closing
    assert "warm-up: first 512 rows of each" in closing
    assert "1 of 2 series have too few rows" in short_line
    assert "'short' has 60" in short_line
    assert "Best offline split: 'short' row 30" in short_line
    [event] = events(done)
    assert (event["key"], event["detector"]) == ("short", "offline_split")


def test_a_short_recording_gives_one_line_and_status_0(tmp_path):
    rows = np.random.default_rng(1).normal(size=(200, 2))
    rows[80:, 0] += 3
    np.save(tmp_path / "t.npy", rows)
    run = tmp_path / "t.streamlyt"
    words = ("detect", tmp_path / "t.npy", "--fail-on-change", "--run-file", run)
    done = cli(*words)
    assert done.exit_code == 0
    assert "no change" not in done.stderr
    [_, line] = done.stderr.splitlines()
    assert line == (
        "t.npy: 200 rows are too few for online detection (warm-up: 512). "
        "Best offline split: row 80"
    )
    assert "offline" in done.stdout
    again = cli(*words, "--resume")
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    assert again.stderr.splitlines()[-1] == line


def test_decimal_commas_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("heat;flow\n1,5;2,25\n2,5;3,5\n")
    refused(cli("detect", tmp_path / "t.csv"), 1, "'heat' (text with decimal commas)", "points")


def test_an_unknown_format_suggests_the_closest(logged):
    done = cli("detect", logged, "--format", "json")
    assert done.exit_code == 2
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "must be one of table, jsonl, csv, got 'json'; did you mean jsonl?" in said
    assert "Value error" not in done.stderr


def test_standard_input_is_a_table(logged, tmp_path):
    words = ("detect", "-", "--format", "jsonl")
    whole = cli("detect", logged, "--format", "jsonl").stdout
    with logged.open() as stream:
        assert shell(*words, stdin=stream).stdout == whole
    np.save(tmp_path / "t.npy", np.random.default_rng(0).normal(size=(600, 1)))
    with (tmp_path / "t.npy").open("rb") as stream:
        assert "standard input: no change in 600 rows" in shell("detect", "-", stdin=stream).stderr


def test_standard_input_cannot_be_resumed_or_empty(tmp_path):
    refused(cli("detect", "-", "--run-file", tmp_path / "a"), 2, "--run-file needs a file")
    with (tmp_path / "none").open("w+") as stream:
        refused(shell("detect", "-", stdin=stream), 1, "must hold a table, got nothing")


def test_lines_of_a_table_in_a_pipe_do_not_wrap(tmp_path):
    rows = np.random.default_rng(1).normal(size=(1500, 3))
    rows[700:] += 4
    names = [f"a rather long name of a column number {i}" for i in range(3)]
    text = "\n".join([";".join(names), *(";".join(map(str, row)) for row in rows)])
    (tmp_path / "t.csv").write_text(text)

    wide = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = shell("detect", tmp_path / "t.csv", env=wide)
    [line] = [line for line in done.stdout.splitlines() if "number" in line]
    assert line.count("number") == 3
    assert " time " not in done.stdout  # it would repeat the row number


@pytest.mark.parametrize("policy", ["drop", "ffill"])
def test_missing_values_are_dropped_or_filled_and_events_keep_source_rows(tmp_path, policy):
    values = np.random.default_rng(0).normal(size=(N, 2))
    values[CHANGE:, 0] += 4
    values[100:900:4, 1] = np.nan
    np.save(tmp_path / "t.npy", values)
    words = ("detect", tmp_path / "t.npy", "--format", "jsonl")
    refused(cli(*words), 1, "'x1'", "row 100 (from 0)", "missing values in 200 of 3,000 rows")
    done = cli(*words, "--missing", policy)
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 5
    assert event["change_index"] == event["change_time"]
    assert ("200 rows dropped" if policy == "drop" else "200 values filled") in done.stderr


def test_events_before_a_missing_value_are_printed(tmp_path):
    values = np.random.default_rng(0).normal(size=(N, 1))
    values[CHANGE:] += 5
    values[2500] = np.nan
    np.save(tmp_path / "t.npy", values)
    done = cli("detect", tmp_path / "t.npy", "--format", "jsonl")
    assert done.exit_code == 1
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 20
    assert "1 change in 2,500 rows before the error" in done.stderr
    assert "row 2,500 (from 0); missing values in 1 of 3,000 rows" in done.stderr.splitlines()[-1]
