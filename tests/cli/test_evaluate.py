"""``streamlyt evaluate detectors`` as it is typed."""

import csv
import io
import json

import pytest

from streamlyt.cli.commands.evaluate import _candidates
from streamlyt.cli.error_handling import ERROR, USAGE
from tests.cli.running import cli, refused, shell

FEW = ("--generator", "gaussian", "--n-streams", "1", "--n-rows", "500", "--time-limit", "0")


def run(*words):
    return cli("evaluate", "detectors", *words)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "changes.json").write_text(json.dumps({"a": [30], "b": [50]}))
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("x\n" + "\n".join(map(str, range(60))))
    return tmp_path


def test_table_has_a_line_per_detector_and_generator():
    done = run("newma(window=10)", "never", *FEW)
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert [line[0] for line in lines[2:]] == ["gaussian", "newma(window=10)", "never"]
    assert "[2/2] gaussian: never" in done.stderr


def test_json_lines_and_csv_hold_the_same_figures_for_the_same_seed():
    words = ("newma(window=10)", "never", *FEW)
    records = [json.loads(line) for line in run(*words, "--format", "jsonl").stdout.splitlines()]
    assert [record["detector"] for record in records] == ["newma(window=10)", "never"]
    assert records[0]["delay"] > 0
    assert records[1]["missed"] == records[1]["changes"] == 5
    rows = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout)))
    for row, record in zip(rows, records, strict=True):
        for name in set(record) - {"microseconds"}:
            assert row[name] == ("" if record[name] is None else str(record[name]))


def test_annotated_directory_is_scored_and_unchanged(folder):
    before = sorted(path.name for path in folder.iterdir())
    done = run("never", "--data", folder)
    assert done.exit_code == 0
    # Row 30 of 60 and row 50: covering of one segment is 1/2 and (50/60) ** 2 + (10/60) ** 2.
    assert done.stdout.split()[-5:] == ["2", "0", "0.667", "0.611", "0.0"]
    assert "a" in run("never", "--data", folder, "--per-series").stdout.split()
    assert sorted(path.name for path in folder.iterdir()) == before


def test_all_detectors_are_measured_by_default():
    names = [candidate.name for candidate in _candidates([], seed=0)]
    assert {"newma", "multiscale_newma", "scan_b", "river.drift:ADWIN", "never"} <= set(names)
    assert names[-1] == "never"


def test_a_class_in_the_working_directory_is_found(folder):
    (folder / "mine.py").write_text(
        "class Step:\n"
        "    drift_detected = False\n"
        "    def update(self, x):\n"
        "        self.drift_detected = x == 30\n"
    )
    done = shell(
        *("evaluate", "detectors", "mine:Step", "--data", ".", "--format", "jsonl"), cwd=folder
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["found"] for record in records] == [[30], [30]], done.stderr
    assert records[0]["covering"] == 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("nwma",), USAGE, "did you mean newma"),
        (("--generator", "cauchy"), USAGE, "generator must be one of"),
        (("--data", "nowhere"), ERROR, "must contain one of annotations.json"),
    ],
)
def test_errors_are_one_line(words, status, message):
    refused(run(*words), status, message)
