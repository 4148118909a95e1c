"""``streamlyt run``, ``streamlyt config`` and ``--detector``: pipeline files and plugins."""

import json
import sys
import tomllib

import numpy as np
import pytest

import streamlyt.detectors
from streamlyt import registry
from streamlyt.config import pipeline_file
from streamlyt.config.factory import OPERATOR_CATEGORIES
from streamlyt.runfile import RunFile
from tests.cli.running import cli, events, refused

N, CHANGE = 2400, 1200

LEVEL = '''
import numpy as np
from streamlyt.core import Detector

__all__ = ["Level"]


class Level(Detector):
    """Alarm while the first channel is above a fixed height.

    Parameters
    ----------
    level
        Height.
    """

    def __init__(self, level: float = 3.0) -> None:
        super().__init__()
        self.level = level

    def score(self, values):
        return values[:, 0], np.full(len(values), self.level)
'''


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """A table and a pipeline over it in the working directory."""
    values = np.random.default_rng(0).normal(size=(N, 2))
    values[CHANGE:, 1] += 4
    np.save(tmp_path / "rows.npy", values)
    (tmp_path / "p.toml").write_text(
        '[source]\ntype = "files"\npath = "rows.npy"\n\n'
        '[[operators]]\ntype = "multiscale_newma"\nid = "quick"\nwindow = 50\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def level(tmp_path, monkeypatch):
    """A detector that a user wrote, in the folder of detectors."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_level.py").write_text(LEVEL)
    path = [*streamlyt.detectors.__path__, str(folder)]
    monkeypatch.setattr(streamlyt.detectors, "__path__", path)
    yield "own_level"
    sys.modules.pop("streamlyt.detectors.own_level", None)


def shown(*words):
    done = cli("config", "show", "p.toml", "--format", "jsonl", *words)
    assert done.exit_code == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {line["key"]: (line["value"], line["from"]) for line in lines}


def test_a_file_runs_to_the_end_of_its_source(rows):
    done = cli("run", "p.toml", "--format", "jsonl", "--fail-on-change")
    assert done.exit_code == 3
    [event] = events(done)
    assert event["detector"] == "quick"
    assert abs(event["change_index"] - CHANGE) <= 10
    assert "p: 1 change in 2,400 rows" in done.stderr


def test_a_run_is_stored_drawn_and_resumed(rows):
    words = ("run", "p.toml", "--run-file", "a.streamlyt", "--report", "a.html")
    first, again = cli(*words), cli(*words, "--resume")
    assert first.exit_code == again.exit_code == 0
    assert first.stdout == again.stdout != ""
    assert (rows / "a.html").stat().st_size > 10_000
    with RunFile.open(rows / "a.streamlyt") as run:
        assert run.n_rows("") == N
        assert list(pipeline_file.load(run.meta["pipeline"]).operators) == ["quick"]


def test_too_few_rows_are_reported(rows):
    np.save("rows.npy", np.zeros((90, 2)))
    done = cli("run", "p.toml")
    assert "p: 90 rows in the longest series are too few (warm-up: " in done.stderr
    assert "no change" not in done.stderr


def test_precedence_is_flag_environment_file_default(rows, monkeypatch):
    assert shown()["operators.quick.window"] == (50, "file")
    assert shown()["operators.quick.seed"] == (0, "default")
    variable = "STREAMLYT_OPERATORS__QUICK__WINDOW"
    monkeypatch.setenv(variable, "60")
    assert shown()["operators.quick.window"] == (60, variable)
    assert shown("--set", "operators.quick.window=70")["operators.quick.window"] == (70, "--set")
    assert shown("--set", "operators.0.window=70")["operators.quick.window"] == (70, "--set")
    monkeypatch.setenv("STREAMLYT_DATA", "elsewhere")  # no setting of the pipeline: ignored
    assert len(shown()) == len(shown("--set", "operators.quick.window=70"))


def test_what_is_shown_is_what_runs(rows):
    words = ("--set", "operators.quick.window=100", "--set", "operators.quick.arl=1e6")
    spec = pipeline_file.load(rows / "p.toml", words[1::2])
    assert {k: v for k, v in spec.operators["quick"].get_params().items() if v is not None} == {
        key.rpartition(".")[2]: value
        for key, (value, _) in shown(*words).items()
        if key.startswith("operators.quick.") and value is not None and not key.endswith(".type")
    }


def test_settings_of_a_component_in_a_component(rows):
    words = ("--set", "operators.quick.features.type=fourier")
    refused(cli("run", "p.toml", *words, "--set", "operators.quick.features.n=1"), 2, "'n'")
    found = shown(*words, "--set", "operators.quick.features.n_components=64")
    assert found["operators.quick.features.type"] == ("fourier", "--set")
    assert found["operators.quick.features.n_components"] == (64, "--set")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("window=3", "--set must be like operators.newma.window=40"),
        ("operators.quick.window", "--set must be like"),
        ("operators.quik.window=3", "got 'quik'; did you mean quick?"),
        ("sinks.0.path=a", "choose one of none: the file names none"),
        ("operators.quick.windw=3", "got 'windw'; did you mean window?"),
        ("operators.quick.window=many", "window must be int | None, got 'many'"),
        ("operators.quick.window=3", ", got 3"),
        ("operators.quick.window.deep=3", "must be a component to have settings of its own"),
    ],
)
def test_an_invalid_setting_is_rejected(rows, given, said):
    for words in (
        ("run", "p.toml"),
        ("config", "show", "p.toml"),
        ("config", "validate", "p.toml"),
    ):
        refused(cli(*words, "--set", given), 2, said)


def test_validate_builds_all_components_and_runs_nothing(rows):
    done = cli("config", "validate", "p.toml")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.strip() == "p.toml is valid: source FileSource, operator quick"
    refused(cli("config", "validate", "none.toml"), 1, "none.toml cannot be read")
    (rows / "p.toml").write_text("[source\n")
    refused(cli("config", "validate", "p.toml"), 1, "must be TOML")


@pytest.mark.parametrize("detector", registry.component_names("detectors"))
def test_what_init_writes_runs_and_has_every_setting(rows, detector):
    done = cli("config", "init", "rows.npy", "--detector", detector)
    (rows / "new.toml").write_text(done.stdout)
    assert cli("config", "validate", "new.toml").exit_code == 0
    lines = [line.removeprefix("# ") for line in done.stdout.splitlines()]
    for key in pipeline_file.load(rows / "new.toml").operators[detector].get_params():
        assert any(line.startswith(f"{key} =") for line in lines)
    # A default that is uncommented is the default.
    plain = [line for line in lines if " = " in line and line.partition(" = ")[0].isidentifier()]
    defaults = tomllib.loads(
        "\n".join(line for line in plain[plain.index(f'type = "{detector}"') :])
    )
    made = registry.get_component("detectors", detector)().get_params()
    assert all(made[key] == value for key, value in defaults.items() if key != "type")


def test_the_schema_knows_every_component_and_parameter():
    schema = json.loads(cli("config", "schema").stdout)
    for category, kind in (
        *((category, "operator") for category in OPERATOR_CATEGORIES),
        ("features", "features"),
    ):
        for name in registry.component_names(category):
            entry = schema["$defs"][f"{kind}.{name}"]
            known = set(entry["properties"]) - {"type", "id", "input"}
            assert known == set(
                vars(registry.get_component(category, name))["__init__"].__annotations__
            ) - {"return"}
            assert entry["additionalProperties"] is False
    detector = schema["$defs"]["operator.multiscale_newma"]["properties"]
    assert (detector["seed"]["type"], detector["seed"]["default"]) == ("integer", 0)
    assert "scale in rows" in detector["window"]["description"]
    files = schema["$defs"]["source.files"]
    assert sorted(files["required"]) == ["path", "type"]
    refs = [each["$ref"] for each in schema["properties"]["source"]["oneOf"]]
    assert all(ref.removeprefix("#/$defs/") in schema["$defs"] for ref in refs)


def test_a_users_own_detector_runs_by_its_name(rows, level):
    words = ("detect", "rows.npy", "--columns", "x1", "--detector", level, "--format", "jsonl")
    first = events(cli(*words, "--set", "level=6"))[0]
    assert first["detector"] == level
    assert first["alarm_index"] >= CHANGE
    assert first["threshold"] == 6
    pipeline = cli("run", "p.toml", "--set", f"operators.quick.type={level}",
                   "--set", "operators.quick.window=3")  # fmt: skip
    refused(pipeline, 2, "'window'")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--detector", "multiscale_newm"), "did you mean"),
        (
            ("--detector", "own_level", "--window", 3),
            "--window must be a parameter of the detector",
        ),
        (("--detector", "own_level", "--set", "level=high"), "detector.level must be float"),
        (("--detector", "own_level", "--set", "height=3"), "'height'"),
        (("--set", "windw=20"), "did you mean window?"),
        (("--set", "window"), "--set must be NAME=VALUE"),
    ],
)
def test_an_unknown_detector_or_parameter_is_rejected(rows, level, words, said):
    refused(cli("detect", "rows.npy", *words), 2, said)


def test_set_reaches_the_default_detector(rows):
    run = rows / "a.streamlyt"
    words = ("--set", "n_components=64", "--window", 50)
    assert cli("detect", "rows.npy", *words, "--run-file", run).exit_code == 0
    with RunFile.open(run) as opened:
        [detector] = pipeline_file.load(opened.meta["pipeline"]).operators.values()
    assert (detector.n_components, detector.window) == (64, 50)


def test_from_and_speed_select_the_first_row_and_pace(rows):
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(N).astype("m8[s]")
    table = np.load("rows.npy")
    lines = (f"{at},{x},{y}" for at, (x, y) in zip(times, table.tolist(), strict=True))
    (rows / "rows.csv").write_text("at,x,y\n" + "\n".join(lines))
    sets = ["--set", "source.path=rows.csv", "--set", "source.time_column=at", "--format", "jsonl"]
    (plain,) = events(cli("run", "p.toml", *sets))
    for begin in ("200", "2024-01-01T00:03:20"):
        done = cli("run", "p.toml", *sets, "--start", begin, "--speed", "1e6")
        (event,) = events(done)
        assert abs(event["change_index"] + 200 - plain["change_index"]) < 20
        assert f"{N - 200:,} rows" in done.stderr
    refused(cli("run", "p.toml", "--speed", "2"), 2, "times in 'step'")
    refused(cli("run", "p.toml", "--start", "soon"), 2, "whole number")
    refused(cli("run", "p.toml", "--start", "9999"), 1, "at most 2400")
    words = ["--run-file", "a.streamlyt", "--resume", "--start", "5"]
    refused(cli("run", "p.toml", *words), 2, "--start cannot be combined with --resume")
