"""``streamlyt forecast tune``: pipeline file of a tuned forecaster."""

import numpy as np
import pytest

from streamlyt.cli._forecasting.tune import seconds_of
from streamlyt.config.pipeline_file import load
from streamlyt.core.errors import ParameterError
from streamlyt.reservoirs import RobustForecaster
from tests.cli.running import cli, refused


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    rng = np.random.default_rng(0)
    waves = np.sin(2 * np.pi * np.arange(200) / 20) ** 3 + 0.1 * rng.normal(size=200)
    write(folder / "waves.csv", waves)
    other = waves.copy()
    other[-20:] = rng.normal(size=20)
    write(folder / "other.csv", other)
    write(folder / "short.csv", waves[:50])
    write(folder / "still.csv", np.ones(200))
    keyed = [f"{k},{v + 5 * (k == 'b'):.5f}\n" for v in waves for k in "ab"]
    (folder / "keyed.csv").write_text("k,x\n" + "".join(keyed))
    return folder


def write(path, values):
    path.write_text("x\n" + "".join(f"{value:.5f}\n" for value in values))


def test_the_tuned_pipeline_is_written_and_used_by_forecast(table, tmp_path):
    goal = tmp_path / "tuned.toml"
    words = (table / "waves.csv", "--horizon", 20, "--max-trials", 4, "--seed", 1)
    done = cli("forecast", "tune", *words, "--save-pipeline", goal)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert "4 trials in " in done.stderr
    assert "Hold-out (21 rows): RMSE " in done.stderr
    assert f"streamlyt forecast {table / 'waves.csv'} --model {goal}" in done.stderr
    [model] = load(goal).operators.values()
    assert isinstance(model, RobustForecaster)
    by_file = cli("forecast", table / "waves.csv", "--model", goal, "--horizon", 5)
    by_name = cli(
        "forecast", table / "waves.csv", "--model", "robust_forecaster", "--horizon", 5,
        "--set", f"n_delays={model.n_delays}", "--set", f"n_components={model.n_components}",
    )  # fmt: skip
    assert by_file.exit_code == 0
    assert by_file.stdout == by_name.stdout != ""
    # Without --save-pipeline the file is printed; the same seed gives the same file.
    printed = cli("forecast", "tune", *words)
    assert printed.stdout == goal.read_text()
    assert "Save with --save-pipeline" in printed.stderr


def test_an_exceeded_budget_is_reported(table):
    done = cli("forecast", "tune", table / "waves.csv", "--time-budget", "0.001s")
    assert done.exit_code == 0
    assert "The default trial exceeded the budget of 0.001 CPU s" in done.stderr


def test_held_out_rows_do_not_influence_the_search(table):
    words = "--horizon", 10, "--max-trials", 2
    found, other = (
        cli("forecast", "tune", table / name, *words) for name in ("waves.csv", "other.csv")
    )
    assert found.stdout.replace("waves.csv", "other.csv") == other.stdout
    assert found.stderr.splitlines()[:-2] != []
    assert found.stderr.splitlines()[-2] != other.stderr.splitlines()[-2]


def test_series_of_a_key_share_parameters(table):
    done = cli("forecast", "tune", table / "keyed.csv", "--key-column", "k", "--max-trials", 2)
    assert done.exit_code == 0, done.stderr
    assert "Hold-out (40 rows)" in done.stderr
    assert "--key-column k" in done.stderr
    assert list(load(done.stdout).operators) == ["robust_forecaster"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("waves.csv", "--horizon", "0"), 2, "--horizon must be at least 1 step, got 0"),
        (("waves.csv", "--max-trials", "0"), 2, "--max-trials must be at least 1, got 0"),
        (("waves.csv", "--time-budget", "soon"), 2, "--time-budget must be a time"),
        (("waves.csv", "--save-pipeline", "waves.csv"), 2, "--save-pipeline must be a new file"),
        (("waves.csv", "--save-pipeline", "no/a.toml"), 2, "does not exist"),
        (("short.csv",), 1, "needs at least 65 rows, got 50"),
        (("still.csv",), 1, "'x' must vary to be forecast"),
        (("-",), 2, "FILE must be a file"),
    ],
)
def test_errors_are_one_line(table, monkeypatch, words, status, said):
    monkeypatch.chdir(table)
    refused(cli("forecast", "tune", *words), status, said)


def test_a_pipeline_without_a_forecaster_is_no_model(table, monkeypatch):
    monkeypatch.chdir(table)
    (table / "none.toml").write_text(
        '[source]\ntype = "files"\npath = "waves.csv"\n[[operators]]\ntype = "newma"\n'
    )
    done = cli("forecast", "waves.csv", "--model", "none.toml")
    refused(
        done, 2, "--model must be a pipeline file with one forecaster", "got 'none.toml' with 0"
    )


@pytest.mark.parametrize("text", ["", "s", "-1s", "0", "1d", "nan", "inf"])
def test_an_invalid_budget_is_rejected(text):
    with pytest.raises(ParameterError, match="--time-budget must be a time"):
        seconds_of(text)
