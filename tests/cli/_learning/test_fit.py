"""``streamlyt fit``: score, report and pipeline file of a model on a table."""

import csv
import io
import json

import numpy as np
import pytest

from streamlyt.config.pipeline_file import load
from streamlyt.models import RLS
from tests.cli.running import cli


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 600))
    load_, kind = 5 + np.sin(2 * a) + b, (a * b > 0).astype(int)
    columns = zip(range(600), a, b, load_, kind, strict=True)
    rows = [f"{i},{x:.5f},{y:.5f},{z:.5f},{k},t{k}\n" for i, x, y, z, k in columns]
    (folder / "all.csv").write_text("index,a,b,load,kind,text\n" + "".join(rows))
    missing = [
        f"{'' if i % 7 == 0 else a[i]},{'' if i % 50 == 3 else load_[i]}\n" for i in range(600)
    ]
    (folder / "missing.csv").write_text("a,load\n" + "".join(missing))
    (folder / "infinite.csv").write_text("a,load\n1,2\ninf,3\n")
    (folder / "alone.csv").write_text("load\n1\n2\n")
    words = "".join(f"{i},w{i}\n" for i in range(101))
    (folder / "words.csv").write_text(f"a,word\n{words}")
    (folder / "none.csv").write_text("a,load\n1,\n2,\n")
    return folder


def fitted(*words):
    done = cli("fit", *words, "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["predictor"]: line for line in lines}, done.stderr


def test_a_numeric_target_is_compared_with_persistence_and_mean(tables):
    found, said = fitted(tables / "all.csv", "--target", "load", "--columns", "a,b")
    assert list(found) == ["model", "persistence", "mean"]
    assert found["model"]["mae"] < 0.5 * found["mean"]["mae"] < found["persistence"]["mae"]
    assert found["model"]["mae_last_tenth"] < found["model"]["mae"]
    assert "regressor on 600 rows: MAE " in said


def test_classes_are_compared_with_the_majority(tables):
    found, said = fitted(tables / "all.csv", "--target", "kind")
    assert list(found) == ["model", "persistence", "majority"]
    assert found["model"]["accuracy_last_tenth"] > 0.85 > found["majority"]["accuracy"]
    assert "kind has 2 classes; --model kernel_regressor treats them as numbers" in said
    assert "Target: kind; inputs: a, b, load; excluded: " in said
    numbers, _ = fitted(tables / "all.csv", "--target", "kind", "--model", "kernel_regressor")
    assert "mae" in numbers["model"]


def test_the_pipeline_file_does_the_same(tables, tmp_path):
    page, goal, run = (tmp_path / n for n in ("page.html", "p.toml", "run.streamlyt"))
    words = [
        "--target",
        "load",
        "--model",
        "rls",
        "--set",
        "forgetting_factor=0.999",
        "--columns",
        "b,a",
    ]
    found, _ = fitted(tables / "all.csv", *words, "--save-pipeline", goal, "--report", page)
    spec = load(goal)
    ((_, model),) = spec.operators.items()
    assert model.forgetting_factor == 0.999
    assert model.target == "load"
    batches = [model.update(batch)[0].values for batch, _ in spec.source.read()]
    rows = np.vstack(batches)
    assert np.isclose(np.abs(rows[:, -1] - rows[:, -2]).mean(), found["model"]["mae"], rtol=1e-12)
    assert cli("run", goal, "--run-file", run).exit_code == 0
    text = page.read_text()
    assert "Learning load of all.csv" in text
    assert "forgetting_factor = 0.999" in text


def test_text_is_classes_in_the_pipeline_file(tables, tmp_path):
    goal = tmp_path / "p.toml"
    words = ["--target", "text", "--columns", "a,b", "--save-pipeline", goal]
    found, said = fitted(tables / "all.csv", *words)
    assert "text: 2 classes: " in said
    assert found["model"]["accuracy_last_tenth"] > 0.85 > found["majority"]["accuracy"]
    numbers, _ = fitted(tables / "all.csv", "--target", "kind", "--columns", "a,b")
    assert numbers["model"] == found["model"]
    spec = load(goal)
    assert sorted(spec.source.class_labels["text"]) == ["t0", "t1"]
    ((_, model),) = spec.operators.items()
    rows = np.vstack([model.update(batch)[0].values for batch, _ in spec.source.read()])
    assert np.isclose((rows[:, -1] == rows[:, -2]).mean(), found["model"]["accuracy"])


def test_booleans_are_classes_and_a_run_reports_the_accuracy(tables, tmp_path):
    rows = [line.split(",") for line in (tables / "all.csv").read_text().splitlines()[1:]]
    truth = "".join(f"{row[1]},{row[2]},{row[4] == '1'}\n" for row in rows)
    (tmp_path / "truth.csv").write_text(f"a,b,above\n{truth}")
    found, said = fitted(
        tmp_path / "truth.csv", "--target", "above", "--save-pipeline", tmp_path / "p.toml"
    )
    assert "above: 2 classes" in said
    assert found["model"]["accuracy"] > 0.85
    done = cli("run", tmp_path / "p.toml")
    assert done.exit_code == 0, done.stderr
    assert f"classifier accuracy {found['model']['accuracy']:.1%} in 600" in done.stderr
    assert "no change" not in done.stderr


def test_a_run_reports_the_error_over_all_series(tables, tmp_path):
    words = "--target", "load", "--columns", "a", "--save-pipeline", tmp_path / "p.toml"
    found, _ = fitted(tables / "missing.csv", *words)
    done = cli("run", tmp_path / "p.toml")
    score = f"regressor MAE {found['model']['mae']:.4g} (588 labeled rows)"
    assert score in done.stderr, done.stderr


def test_each_series_has_its_own_model(tables):
    words = ["--target", "load", "--columns", "a", "--model", "rls", "--key-column", "text"]
    found, said = fitted(tables / "all.csv", *words)
    assert "600 rows of 2 series" in said
    table = [line.split(",") for line in (tables / "all.csv").read_text().splitlines()[1:]]
    losses = []
    for name in ("t0", "t1"):
        own = np.array([[float(row[1]), float(row[3])] for row in table if row[5] == name])
        model = RLS()
        for row in own:
            losses.append(abs(model.predict(row[None, :1])[0] - row[1]))
            model.learn(row[None, :1], row[1:])
    assert np.isclose(found["model"]["mae"], np.mean(losses), rtol=1e-9)


def test_labels_may_be_delayed(tables):
    words = ["--target", "load", "--columns", "a,b"]
    late, said = fitted(tables / "all.csv", *words, "--label-delay", "200")
    at_once, _ = fitted(tables / "all.csv", *words)
    assert "label delay 200 rows" in said
    assert late["model"]["mae"] > at_once["model"]["mae"]
    assert late["model"]["mae_last_tenth"] < 0.5 * late["mean"]["mae_last_tenth"]


def test_missing_inputs_are_imputed_and_missing_targets_not_scored(tables):
    found, said = fitted(tables / "missing.csv", "--target", "load")
    assert found["model"]["rows"] == 588
    assert np.isfinite(found["model"]["mae"])
    assert "12 rows without a target not scored" in said


def test_csv_and_tables_are_written(tables):
    done = cli("fit", tables / "all.csv", "--target", "kind", "--format", "csv")
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 3
    assert "last tenth" in cli("fit", tables / "all.csv", "--target", "kind").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["all.csv", "--target", "lod"], "lod"),
        (["all.csv", "--target", "text", "--model", "rls"], "a classifier for a text target"),
        (["words.csv", "--target", "word"], "must have at most 100 classes, got 101"),
        (["all.csv", "--target", "load", "--key-column", "nothing"], "key_column must be a column"),
        (["all.csv", "--target", "load", "--model", "regresor"], "did you mean"),
        (
            ["all.csv", "--target", "load", "--model", "kernel_density"],
            "kernel_density",
        ),
        (["all.csv", "--target", "load", "--set", "forget"], "--set must be NAME=VALUE"),
        (["all.csv", "--target", "load", "--model", "kernel_classifier"], "integers from 0 on"),
        (["infinite.csv", "--target", "load"], "got inf for 'a' in row 1"),
        (["alone.csv", "--target", "load"], "needs a numeric input column"),
        (
            ["none.csv", "--target", "load"],
            "targets must be known in at least one row, got none in 2 rows",
        ),
        (["all.csv", "--target", "load", "--save-pipeline", "{all}"], "must be a new file"),
        (["all.csv", "--target", "load", "--report", "{all}"], "--report must be"),
        (["all.csv", "--target", "load", "--report", "gone/a.html"], "does not exist"),
    ],
)
def test_errors_are_one_line(tables, words, message):
    first, *rest = words
    rest = [word.replace("{all}", str(tables / "all.csv")) for word in rest]
    done = cli("fit", tables / first, *rest)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("streamlyt: ")
    assert message in last
