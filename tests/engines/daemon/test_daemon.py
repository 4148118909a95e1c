"""The daemon with a real broker: signals, health, metrics and lost brokers."""

import json
import os
import signal
import time

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.detectors import NEWMA
from streamlyt.runfile import RunFile
from tests.cli.running import refused, shell
from tests.connectors.kafka.topics import content, new_topic, plain, put
from tests.engines.daemon.serving import Served

pytestmark = pytest.mark.kafka

PROMISED_S = 5  # of docs/daemon.md, on an idle machine: to exit, and to report a lost broker

FILE = """
[source]
type = "kafka"
topic = "{topic}"
columns = ["x", "y"]
bootstrap_servers = "{servers}"
group_id = "g-{topic}"
group_instance_id = "one"
session_timeout_s = 6.0
missing = "drop"

[[operators]]
type = "newma"
null_model = "adaptive"
window = 20
threshold_quantile = {quantile}

[[sinks]]
type = "kafka"
topic = "{out}"
dead_letter_topic = "{dead}"
bootstrap_servers = "{servers}"
transactional_id = "t-{topic}"

[serve]
checkpoint_interval_s = 0.2
"""


class Story:
    """A topic, its rows and the pipeline file that reads them."""

    def __init__(self, broker, folder):
        self.servers = plain(broker)
        self.topic, self.out, self.dead = (new_topic(self.servers) for _ in range(3))
        self.file = folder / "pipeline.toml"
        self.rng = np.random.default_rng(0)
        self.write()

    def write(self, quantile=0.99, extra=""):
        text = FILE.format(
            topic=self.topic, out=self.out, dead=self.dead, servers=self.servers, quantile=quantile
        )
        self.file.write_text(text + extra)

    def rows(self, n, shift=0.0):
        values = self.rng.normal(size=(n, 2)) + shift
        return [(b"pump", json.dumps({"x": x, "y": y}).encode()) for x, y in values.tolist()]

    def put(self, messages):
        put(self.servers, self.topic, messages)

    @property
    def run(self):
        return self.file.with_suffix(".streamlyt")


@pytest.fixture
def story(broker, tmp_path):
    return Story(broker, tmp_path)


def states(path):
    with RunFile.open(path) as run:
        return run.meta["rows"], run.states()


@pytest.mark.slow
def test_it_processes_rows_reports_metrics_is_killed_resumes_and_stops(story):
    story.put([*story.rows(500), (b"pump", b"not json"), (b"pump", b'{"x": null, "y": 1}')])
    with Served(story.file) as one:
        assert one.get("healthz") == (200, '{"ok": true, "state": "running"}')
        one.until_metric("rows_total", 500)
        one.until_metric("dead_letters_total", 1)
        one.until_metric("dropped_rows_total", 1)
        text = one.get("metrics")[1]
        for name in (
            "missing_values_total",
            "prefetch_queue_rows",
            "consumer_lag_messages",
            "late_rows_total",
        ):
            assert f"streamlyt_{name} 0.0" in text, text
        assert one.metric("event_time_lag_seconds") > 0
        one.until_metric("checkpoints_total", 1)
        assert time.time() - one.metric("last_checkpoint_timestamp_seconds") < 60
        one.end(signal.SIGKILL)
    story.put(story.rows(200))
    with Served(story.file) as two:
        two.until_metric("rows_total", 200)
        assert two.end(within=PROMISED_S) == 0, two.lines
    assert two.said("stopped")["rows"] >= 200  # and replayed ones
    assert states(story.run)[0] == 700
    assert len(content(story.servers, story.out)) == 700
    assert [letter.value for letter in content(story.servers, story.dead)] == [b"not json"]


@pytest.mark.slow
def test_a_reload_changes_reloadable_parameters_keeps_states_and_rejects_other_changes(story):
    story.put(story.rows(400))
    with Served(story.file) as one:
        one.until_metric("rows_total", 400)
        for extra, reason in (
            ("\n[[", "TOML"),
            ("\nno_such_thing = 3\n", "no_such_thing"),
            ("prefetch_mb = 1.0\n", "[serve] cannot be reloaded"),
        ):
            story.write(extra=extra)
            one.reload()
            assert reason in one.said("config_reload_rejected")["reason"]
            one.lines.clear()
        assert one.metric("config_reload_failures_total") == 3
        story.write(quantile=0.6)
        one.reload()
        assert one.metric("config_reloads_total") is not None
        one.until_metric("config_reloads_total", 1)
        story.put(story.rows(300))
        one.until_metric("rows_total", 700)
        assert one.end() == 0, one.lines
    with RunFile.open(story.run) as run:
        assert "threshold_quantile = 0.6" in run.meta["pipeline"]
        rows = run.columns("pump")[1]
        state = run.states()["pump"]["newma"]
    assert state["rows"] == 700
    # The same rows through one detector, whose parameter changes after the same row.
    before, after = (
        NEWMA(20, null_model="adaptive", threshold_quantile=0.99),
        NEWMA(20, null_model="adaptive", threshold_quantile=0.6),
    )
    batch = Batch("pump", np.arange(700), rows[:, :2], Schema.of("x", "y", time_unit="ns"))
    first, _ = before.update(batch.slice(0, 400))
    after.state = before.state
    second, _ = after.update(batch.slice(400, 700))
    assert rows.tolist() == np.concatenate([first.values, second.values]).tolist()


@pytest.mark.slow
def test_it_survives_a_broker_that_is_stopped_and_one_that_is_killed(story, broker):
    story.put(story.rows(100))
    with Served(story.file) as one:
        one.until_metric("rows_total", 100)
        one.until_metric("checkpoints_total", 1)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            one.until("readyz", 503, PROMISED_S)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        one.until_ready()
        story.put(story.rows(100))
        one.until_metric("rows_total", 200)
        broker.kill()
        try:
            one.until("readyz", 503, PROMISED_S)
            assert one.get("healthz")[0] in (200, 503)
        finally:
            broker.start()
        one.until_ready()
        story.put(story.rows(100))
        one.until_metric("rows_total", 300)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            one.end(within=PROMISED_S)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
    with Served(story.file) as two:
        two.until_metric("consumer_lag_messages", 0)
        two.end()
    assert states(story.run)[0] == 300
    assert len(content(story.servers, story.out)) == 300


def test_an_invalid_pipeline_is_reported_in_one_line(story):
    story.write(extra="port = 99999999\n")
    done = shell("serve", story.file)
    refused(done, 2, "port must be in 0 to 65535")
