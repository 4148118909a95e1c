"""``streamlyt features plan`` as it is typed."""

import csv
import io
import json
import re

import pytest
from typer.testing import CliRunner

from streamlyt.cli import app
from streamlyt.cli.error_handling import USAGE


def run(*words):
    return CliRunner().invoke(app, ["features", "plan", *words])


def test_table_has_a_row_for_each_construction_and_number_of_features():
    done = run("--d", "6", "--error", "0.3")
    assert done.exit_code == 0
    for construction in ("dense", r"structured \*", "structured-gaussian", "tiles"):
        assert re.search(rf"^ *{construction} .*\d", done.stdout, re.M)
    assert "default (auto)" in done.stdout
    assert done.stderr == ""


def test_json_lines_and_csv_hold_the_same_figures():
    lines = run("--d", "6", "--kernel", "fastfood", "--format", "jsonl").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [r["n_components"] for r in records] == [
        records[0]["n_components"] * t for t in (1, 4, 16)
    ]
    table = run("--d", "6", "--kernel", "fastfood", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    for row, record in zip(rows, records, strict=True):
        assert float(row["expected"]) == record["expected"]
        assert float(row["measured"]) == record["measured"]
        assert int(row["memory"]) == record["memory"]


def test_response_is_a_number_or_a_name():
    for response in ("2", "0.5", "centred", "exp", "phase"):
        assert run("--d", "3", "--response", response, "--error", "0.5").exit_code == 0
    assert run("--d", "3", "--field", "real", "--error", "0.5").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--d", "0"), "d must be an integer of at least 1, got 0"),
        (("--d", "5", "--error", "0"), "error must be a finite number above 0, got 0.0"),
        (("--d", "5", "--response", "cube"), "response must be one of"),
        (("--d", "5", "--kernel", "optic"), "did you mean optical"),
        (("--d", "5", "--field", "imaginary"), "field must be one of 'complex', 'real'"),
        (
            ("--d", "5", "--kernel", "fourier", "--response", "2"),
            "--kernel must be a feature map with",
        ),
    ],
)
def test_invalid_options_are_one_line_and_status_2(words, message):
    done = run(*words)
    assert done.exit_code == USAGE
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
