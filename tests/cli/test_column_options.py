"""What ``streamlyt detect`` says of columns, of short series, and of rows it only learnt from."""

import os

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from tests.cli.running import cli, events, refused, shell

N, CHANGE = 3000, 1500


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A log as people have them: a clock, two measurements, a state, an identifier."""
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


def test_the_clock_is_left_out_and_said_to_be(logged):
    done = cli("detect", logged, "--format", "jsonl")
    assert "watching a, b; left out: timestamp (time), state (text), id (text)" in done.stderr
    assert "state has 2 values: --key state watches each" in done.stderr
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 5


def test_a_clock_that_is_named_is_watched_with_a_warning(logged):
    done = cli("detect", logged, "--columns", "timestamp,a")
    assert "timestamp only counts, which hides changes" in done.stderr
    assert "watching" not in done.stderr
    assert "no change in 3,000 rows (rows 0-511 were only learnt from)" in done.stderr


def test_blanks_between_names_of_columns_do_not_matter(logged):
    assert len(events(cli("detect", logged, "--columns", " a, b ,", "--format", "jsonl"))) == 1
    refused(cli("detect", logged, "--columns", " ,"), 2, "--columns must name columns")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--columns", "A,b"), "did you mean 'a'?"),
        (("--key", "STAT"), "did you mean 'state'?"),
        (("--time", "timestmp"), "did you mean 'timestamp'?"),
        (("--key", "machine"), "there are 'timestamp', 'a', 'b'"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(logged, words, meant):
    refused(cli("detect", logged, *words), 2, meant)


def test_a_key_that_hardly_repeats_is_warned_of_and_all_series_are_short(logged):
    done = cli("detect", logged, "--key", "id")
    assert "--key id names 3,000 series in the first 3,000 rows" in done.stderr
    assert "all 3,000 series have too few rows for an on-line alarm" in done.stderr
    assert "no change" not in done.stderr


def test_short_series_are_told_one_by_one_beside_long_ones(tmp_path):
    rng = np.random.default_rng(2)
    short = rng.normal(size=60)
    short[30:] += 5
    lines = [f"long,{v}" for v in rng.normal(size=600)] + [f"short,{v}" for v in short]
    (tmp_path / "t.csv").write_text("\n".join(["machine,v", *lines]))
    words = ("detect", tmp_path / "t.csv", "--key", "machine", "--format", "jsonl")
    done = cli(*words, "--fail-on-change")
    assert done.exit_code == 0  # a best split is no alarm
    closing, told = done.stderr.splitlines()[-2:]
    assert "no change in 660 rows of 2 series" in closing
    assert "the first 512 rows of each were only learnt from" in closing
    assert "1 of 2 series have too few rows" in told
    assert "'short' has 60" in told
    assert "best split, off line: 'short' row 30" in told
    [event] = events(done)
    assert (event["key"], event["detector"]) == ("short", "offline_split")


def test_a_short_recording_is_told_in_one_sentence_and_gives_no_status_3(tmp_path):
    rows = np.random.default_rng(1).normal(size=(200, 2))
    rows[80:, 0] += 3
    np.save(tmp_path / "t.npy", rows)
    run = tmp_path / "t.streamlyt"
    words = ("detect", tmp_path / "t.npy", "--fail-on-change", "--run", run)
    done = cli(*words)
    assert done.exit_code == 0
    assert "no change" not in done.stderr
    [_, told] = done.stderr.splitlines()
    assert told == (
        "t.npy: 200 rows are too few for an on-line alarm, which takes 512; "
        "best split, off line: row 80"
    )
    assert "off line" in done.stdout
    again = cli(*words, "--resume")
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    assert again.stderr.splitlines()[-1] == told


def test_decimal_commas_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("heat;flow\n1,5;2,25\n2,5;3,5\n")
    refused(cli("detect", tmp_path / "t.csv"), 1, "'heat' (text with decimal commas)", "points")


def test_a_format_that_is_not_known_is_told_in_our_words(logged):
    done = cli("detect", logged, "--format", "json")
    assert done.exit_code == 2
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "must be one of table, jsonl, csv, got 'json'; did you mean jsonl?" in said
    assert "Value error" not in done.stderr


def test_the_standard_input_is_a_table_too(logged, tmp_path):
    words = ("detect", "-", "--format", "jsonl")
    whole = cli("detect", logged, "--format", "jsonl").stdout
    with logged.open() as stream:
        assert shell(*words, stdin=stream).stdout == whole
    np.save(tmp_path / "t.npy", np.random.default_rng(0).normal(size=(600, 1)))
    with (tmp_path / "t.npy").open("rb") as stream:
        assert "standard input: no change in 600 rows" in shell("detect", "-", stdin=stream).stderr


def test_the_standard_input_cannot_be_resumed_or_empty(tmp_path):
    refused(cli("detect", "-", "--run", tmp_path / "a"), 2, "--run must go with a file")
    with (tmp_path / "none").open("w+") as stream:
        refused(shell("detect", "-", stdin=stream), 1, "must hold a table, got nothing")


def test_a_table_in_a_pipe_keeps_its_lines_whole(tmp_path):
    rows = np.random.default_rng(1).normal(size=(1500, 3))
    rows[700:] += 4
    names = [f"a rather long name of a column number {i}" for i in range(3)]
    text = "\n".join([";".join(names), *(";".join(map(str, row)) for row in rows)])
    (tmp_path / "t.csv").write_text(text)

    wide = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = shell("detect", tmp_path / "t.csv", env=wide)
    [line] = [line for line in done.stdout.splitlines() if "number" in line]
    assert line.count("number") == 3
    assert " time " not in done.stdout  # it would be the row number once more


@pytest.mark.parametrize("policy", ["drop", "hold"])
def test_rows_with_holes_are_dropped_or_held_and_changes_keep_their_rows(tmp_path, policy):
    values = np.random.default_rng(0).normal(size=(N, 2))
    values[CHANGE:, 0] += 4
    values[100:900:4, 1] = np.nan
    np.save(tmp_path / "t.npy", values)
    words = ("detect", tmp_path / "t.npy", "--format", "jsonl")
    refused(cli(*words), 1, "'x1'", "row 100 (from 0)", "200 of 3,000 rows have such holes")
    done = cli(*words, "--missing", policy)
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 5
    assert event["change_index"] == event["change_time"]
    assert ("200 rows left out" if policy == "drop" else "200 values held") in done.stderr


def test_what_was_found_before_a_hole_is_printed(tmp_path):
    values = np.random.default_rng(0).normal(size=(N, 1))
    values[CHANGE:] += 5
    values[2500] = np.nan
    np.save(tmp_path / "t.npy", values)
    done = cli("detect", tmp_path / "t.npy", "--format", "jsonl")
    assert done.exit_code == 1
    [event] = events(done)
    assert abs(event["change_index"] - CHANGE) <= 20
    assert "1 change in 2,500 rows, before it had to stop" in done.stderr
    assert "row 2,500 (from 0); 1 of 3,000 rows has such holes" in done.stderr.splitlines()[-1]
