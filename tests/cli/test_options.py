"""Options that no other test passes: each changes what is done, or reaches who does it."""

import json
from functools import partial

import numpy as np
import pytest

import streamlyt.dashboards
import streamlyt.engines.daemon
import streamlyt.features
from streamlyt.cli import _demo_run, pipeline_commands
from streamlyt.cli._dashboard import kafka_feed
from streamlyt.config.pipeline_file import load
from streamlyt.core import DeadLetter
from streamlyt.engines import LocalEngine
from streamlyt.runfile import RunFile
from streamlyt.runfile.user_key import KEY_FILE
from tests.cli.running import ALA2, VILLIN, cli, events, refused
from tests.dashboards import runs


class Called:
    """Stands for a class or function, and keeps the arguments of its calls."""

    def __init__(self, result=0):
        self.calls, self.result = [], result

    def __call__(self, *arguments, **named):
        self.calls.append((arguments, named))
        return self

    def run(self):
        return self.result


@pytest.fixture
def served(monkeypatch):
    """The arguments of servers of pages, none of which starts."""
    called = Called()
    monkeypatch.setattr(streamlyt.dashboards, "serve_dashboard", called, raising=False)
    monkeypatch.setattr(_demo_run, "serve_dashboard", called)
    return called.calls


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(240) / 20) + 0.05 * rng.normal(size=240)
    path = tmp_path / "a.csv"
    rows = [
        f"{1000 + 5 * i},{v:.4f},{v**2:.4f},{'' if i == 70 else i % 7}\n"
        for i, v in enumerate(wave)
    ]
    path.write_text("seen,x,y,z\n" + "".join(rows))
    return path


def test_demo_live_replays_both_runs_at_the_port(tmp_path, served, monkeypatch):
    monkeypatch.setattr(_demo_run, "RECORDINGS", _demo_run.RECORDINGS[1:])
    done = cli("demo", "--output-dir", tmp_path)
    assert (done.exit_code, served) == (0, [])
    done = cli("demo", "--output-dir", tmp_path, "--live", "--port", "4321")
    assert done.exit_code == 0
    [(arguments, named)] = served
    assert 4321 in [*arguments, *named.values()]


def test_md_takes_a_detector_and_its_parameters(tmp_path):
    run = tmp_path / "a.streamlyt"
    words = ("md", *VILLIN, "--stop", 2600, "--detector", "newma", "--format", "jsonl")
    done = cli(*words, "--set", "window=30", "--run-file", run)
    assert done.exit_code == 0, done.stderr
    assert {event["detector"] for event in events(done)} == {"newma"}
    with RunFile.open(run) as opened:
        assert load(opened.meta["pipeline"]).operators["newma"].window == 30


def test_md_resumes_a_run_of_another_user_with_trust(tmp_path, monkeypatch):
    words = ("md", *ALA2, "--stop", 600, "--run-file", tmp_path / "a.streamlyt")
    assert cli(*words).exit_code == 0
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "of-another"))
    refused(cli(*words, "--resume"), 1, "--trust")
    assert cli(*words, "--resume", "--trust").exit_code == 0


def test_forecast_takes_the_times_from_a_column(table):
    words = ("forecast", table, "--columns", "x", "--horizon", 3, "--format", "jsonl")
    plain, timed = (events(cli(*words, *more)) for more in ((), ("--time-column", "seen")))
    assert [line["forecast"] for line in plain] == [line["forecast"] for line in timed]
    assert plain != timed
    assert str(1000 + 5 * 240)[:4] in json.dumps(timed[0])


def test_fit_takes_the_times_from_a_column(table):
    words = ("fit", table, "--target", "y", "--columns", "x", "--format", "jsonl")
    plain, timed = (cli(*words, *more) for more in ((), ("--time-column", "x")))
    assert plain.exit_code == 0
    assert timed.exit_code != 0  # x goes back in time
    assert cli(*words, "--time-column", "seen").stdout == plain.stdout


def test_forecast_tune_selects_columns_times_and_what_to_do_with_missing_values(table):
    words = ("forecast", "tune", table, "--horizon", 5, "--max-trials", 1)
    one = cli(*words, "--columns", "x,y", "--time-column", "seen")
    assert one.exit_code == 0, one.stderr
    source = load(one.stdout).source
    assert list(source.columns) == ["x", "y"]
    assert source.time_column == "seen"
    refused(cli(*words, "--columns", "x,z"), 1, "z")
    held = cli(*words, "--columns", "x,z", "--missing", "ffill")
    dropped = cli(*words, "--columns", "x,z", "--missing", "drop")
    assert held.exit_code == dropped.exit_code == 0
    assert held.stdout != dropped.stdout


def test_run_follow_keeps_reading_at_the_end_of_the_source(tmp_path, monkeypatch):
    called = Called()
    monkeypatch.setattr(
        pipeline_commands, "run_pipeline_file", lambda *a, **k: called(*a, **k).run()
    )
    assert cli("run", "p.toml", "--set", "source.columns=['x']").exit_code == 0
    assert cli("run", "p.toml", "--follow", "--set", "source.columns=['x']").exit_code == 0
    plain, follow = (arguments[1] for arguments, _ in called.calls)
    assert plain == ["source.columns=['x']"]
    assert follow == [*plain, "source.follow=true"]


def test_run_threads_give_the_same_events(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    change = {"a": 1300, "b": 9999, "c": 1250}
    lines = [f"{k},{rng.normal() + 4 * (i > change[k]):.4f}\n" for i in range(1500) for k in "abc"]
    (tmp_path / "rows.csv").write_text("k,x\n" + "".join(lines))
    file = tmp_path / "p.toml"
    file.write_text(
        f'[source]\ntype = "files"\npath = "{tmp_path}/rows.csv"\n'
        'key_column = "k"\ncolumns = ["x"]\n\n'
        '[[operators]]\ntype = "newma"\nwindow = 20\n'
    )
    given = []
    plain = LocalEngine.__init__

    def noted(self, *arguments, **named):
        given.append(named.get("threads"))
        plain(self, *arguments, **named)

    monkeypatch.setattr(LocalEngine, "__init__", noted)
    one, three = (cli("run", file, "--format", "jsonl", "--threads", number) for number in (1, 3))
    assert given == [1, 3]
    assert one.exit_code == three.exit_code == 0
    order = partial(sorted, key=lambda event: (event["key"], event["alarm_index"]))
    assert order(events(one)) == order(events(three))
    assert {event["key"] for event in events(one)} == {"a", "c"}


def test_serve_dashboard_has_names_and_tokens(tmp_path, monkeypatch):
    daemon = Called()
    monkeypatch.setattr(streamlyt.engines.daemon, "Daemon", daemon, raising=False)
    assert cli("serve", "p.toml").exit_code == 0
    words = ("serve", "p.toml", "--dashboard", "--allowed-host", "a.org", "--allowed-host", "b.org")
    assert cli(*words, "--token-file", tmp_path / "tokens").exit_code == 0
    (plain, _), (paged, _) = daemon.calls
    assert len(plain) == 3
    assert paged[3].args == (["a.org", "b.org"], tmp_path / "tokens")


@pytest.fixture
def plant(tmp_path):
    path = tmp_path / "plant.streamlyt"
    runs.sensors(600, keys=1).record(path).close()
    return path


def test_dash_and_replay_accept_names_of_hosts(plant, served):
    for words in (("dashboard", plant), ("replay", plant, "--speed", "2")):
        done = cli(*words, "--allowed-host", "a.org", "--allowed-host", "b.org", "--port", "0")
        assert done.exit_code == 0, done.stderr
        arguments, _ = served.pop()
        assert ["a.org", "b.org"] in list(arguments)


def test_replay_speed_is_that_of_the_feed(plant, served):
    for speed in ("1", "50"):
        assert cli("replay", plant, "--speed", speed).exit_code == 0
    (plain, _), (fast, _) = served
    assert plain[0]._total_s == 50 * fast[0]._total_s


def test_dash_of_a_topic_passes_its_options_to_the_feed(plant, served, monkeypatch):
    feed = Called()
    feed.metrics = None
    monkeypatch.setattr(kafka_feed, "KafkaFeed", feed)
    words = ("--events-topic", "found", "--columns", "x, y", "--codec", "csv", "--time-unit", "ms")
    words += ("--offset-reset", "latest", "--bootstrap-servers", "far:1", "--trust")
    assert cli("dashboard", plant, "--topic", "rows", *words).exit_code == 0
    assert cli("dashboard", plant, "--topic", "rows").exit_code == 0
    (given, _), (plain, _) = feed.calls
    assert given[0] == kafka_feed.Topics(
        "rows", "found", "far:1", ["x", "y"], "csv", "ms", "latest", None
    )
    assert (given[2], plain[2]) == (True, False)


def test_token_is_for_the_named_series_only(tmp_path):
    tokens = tmp_path / "tokens"
    assert cli("token", "create", tokens, "--series", "pump", "--series", "fan").exit_code == 0
    text = tokens.read_text()
    assert "pump" in text
    assert "fan" in text
    assert cli("token", "create", tmp_path / "all").exit_code == 0
    assert "pump" not in (tmp_path / "all").read_text()


def test_features_plan_depends_on_the_scale_and_times_maps_of_the_seed(monkeypatch):
    words = ("features", "plan", "--d", "4", "--kernel", "fourier", "--error", "0.3")
    first, wide, again = (
        events(cli(*words, "--format", "jsonl", *more)) for more in ((), ("--scale", "3"), ())
    )
    assert [line["measured"] for line in first] == [line["measured"] for line in again]
    assert [line["measured"] for line in first] != [line["measured"] for line in wide]
    planned = Called()
    monkeypatch.setattr(
        streamlyt.features,
        "plan_features",
        lambda *a, **k: planned(*a, **k).calls[:0],
        raising=False,
    )
    assert cli(*words, "--seed", "5").exit_code == 0
    [((features, *_), _)] = planned.calls
    assert features.seed == 5


@pytest.mark.parametrize(
    ("command", "name", "words", "given"),
    [
        ("run", "WorkerPool", ("--workers", "3"), 3),
        ("worker", "ClusterWorker", ("--worker-id", "4"), 4),
    ],
)
def test_cluster_takes_its_number_and_a_folder(tmp_path, monkeypatch, command, name, words, given):
    called = Called(result=7)
    monkeypatch.setattr(streamlyt.engines.daemon, name, called, raising=False)
    monkeypatch.chdir(tmp_path)
    done = cli("cluster", command, "p.toml", *words, "--state-dir", tmp_path / "stores")
    assert done.exit_code == 7
    assert cli("cluster", command, "p.toml", "--set", "a.b=1").exit_code == 7
    (first, _), (plain, _) = called.calls
    assert first[1:4] == (given, tmp_path / "stores", [])
    assert (plain[2].name, plain[3]) == ("p.cluster", ["a.b=1"])


def test_redrive_sends_to_the_given_servers(tmp_path, monkeypatch):
    run = tmp_path / "a.streamlyt"
    with RunFile.create(
        run, pipeline="[source]\ntype = 'kafka'\nbootstrap_servers = 'far:1'\n"
    ) as made:
        for offset in (1, 2):
            made.write_dead_letter(DeadLetter("t", 0, offset, None, b"?", "no row", 0))
        made.checkpoint({}, {})
    sent = Called()
    monkeypatch.setattr(streamlyt.connectors, "redrive_dead_letters", sent, raising=False)
    assert cli("dead-letters", "redrive", run, "--bootstrap-servers", "near:2").exit_code == 0
    [(arguments, _)] = sent.calls
    assert [letter.offset for letter in arguments[0]] == [1, 2]
    assert arguments[1] == "near:2"


def test_evaluate_depends_on_the_seed_and_the_margin(tmp_path):
    few = ("--generator", "gaussian", "--n-streams", "1", "--n-rows", "500", "--time-limit", "0")
    words = ("evaluate", "detectors", "newma(window=10)", "--format", "jsonl")
    one, other = (events(cli(*words, *few, "--seed", seed))[0] for seed in (0, 3))
    drop = {"microseconds"}
    assert {k: v for k, v in one.items() if k not in drop} != {
        k: v for k, v in other.items() if k not in drop
    }
    (tmp_path / "changes.json").write_text(json.dumps({"a": [250]}))
    values = np.random.default_rng(0).normal(size=500)
    values[240:] += 40.0
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(map(str, values)))
    words = (
        "evaluate",
        "detectors",
        "newma(window=10, null_model='adaptive')",
        "--format",
        "jsonl",
    )
    strict, wide = (
        events(cli(*words, "--data", tmp_path, "--margin", margin))[0] for margin in (1, 60)
    )
    assert strict["f1"] < wide["f1"]
