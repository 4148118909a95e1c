"""One pipeline on several processes, over a real broker: the same rows, exactly once."""

import random
import signal
import time

import pytest

from streamlyt.connectors import FileSink, KafkaSource
from streamlyt.connectors.kafka.broker._server_properties import PASSWORD
from streamlyt.core.errors import ParameterError
from streamlyt.detectors import NEWMA
from streamlyt.engines import ClusterEngine
from streamlyt.pipeline import Pipeline
from tests._waiting import scaled
from tests.chaos.cluster import COLUMNS, Story, ended, worker
from tests.connectors.kafka.topics import content, plain


@pytest.mark.kafka
@pytest.mark.slow
def test_two_workers_one_killed_give_what_one_process_gives(broker, tmp_path):
    story = Story(plain(broker), tmp_path)
    half = len(story.messages) // 2
    workers = [worker(story.file, i) for i in (0, 1)]
    try:
        story.put(0, half)
        story.until_came(1)
        time.sleep(random.Random(1).uniform(0.0, 0.5))
        workers[0].send_signal(signal.SIGKILL)
        workers[0].communicate()
        story.put(half)
        workers[0] = worker(story.file, 0)
        story.until_came(story.rows)
    finally:
        statuses = ended(workers)
    # A worker that is stopped during its start has nothing to commit.
    assert statuses[1] == 0
    assert statuses[0] in (0, -signal.SIGTERM)
    assert story.faults() == (0, 0, 0)
    _, events = story.expected()
    found = content(story.servers, story.topics["events"])
    assert len(found) == len(events) > 3
    dead = content(story.servers, story.topics["dead"])
    assert [record.value for record in dead] == [b"no arrow"] * story.n_none
    headers = {dict(record.headers)["streamlyt.topic"] for record in dead}
    assert headers == {story.topics["source"].encode()}


@pytest.mark.kafka
@pytest.mark.slow
def test_a_worker_connects_by_tls_and_a_password(broker, tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    story = Story(plain(broker), tmp_path, keys=2, turns=4)
    access = {
        "bootstrap_servers": f'"{broker.servers["SASL_TLS"]}"',
        "security.ca_file": f'"{broker.certificate}"',
        "security.sasl_mechanism": '"SCRAM-SHA-512"',
        "security.username": '"streamlyt"',
        "security.secret": '"env:KAFKA_PASSWORD"',
    }
    sets = [
        f"{end}.{key}={value}" for end in ("source", "sinks.0") for key, value in access.items()
    ]
    one = worker(story.file, 0, *sets)
    story.put(0)
    try:
        story.until_came(story.rows)
    finally:
        said = one.terminate() or one.communicate(timeout=scaled(60))[1]
    assert one.returncode == 0, said
    assert PASSWORD not in said
    assert story.faults() == (0, 0, 0)


@pytest.mark.parametrize(
    ("source", "sinks", "message"),
    [
        ({}, [], "source must be a Kafka topic with a group"),
        (
            {"group_id": "g", "key_column": "name"},
            [],
            r"source.key_column must be left out .*'name'",
        ),
        ({"group_id": "g"}, [FileSink("rows.csv")], "sinks must be Kafka topics .*FileSink"),
    ],
)
def test_a_pipeline_that_cannot_run_in_a_cluster_is_rejected(tmp_path, source, sinks, message):
    with pytest.raises(ParameterError, match=message):
        ClusterEngine(
            KafkaSource("t", COLUMNS, **source),
            Pipeline([NEWMA()]),
            sinks,
            state_dir=tmp_path,
        )


def test_a_client_on_librdkafka_connects_with_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("PUMP_SECRET", "hush")
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    access = {
        "ca_file": str(ca),
        "sasl_mechanism": "SCRAM-SHA-256",
        "username": "pump",
        "secret": "env:PUMP_SECRET",
    }
    source = KafkaSource("t", COLUMNS, bootstrap_servers="a:1, b:2", security=access)
    assert source.client_config == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca),
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "pump",
        "sasl.password": "hush",
    }
    assert "hush" not in repr(source)
    token = KafkaSource(
        "t", COLUMNS, security={"sasl_mechanism": "OAUTHBEARER", "secret": "env:PUMP_SECRET"}
    )
    with pytest.raises(ParameterError, match=r"security.sasl_mechanism must be PLAIN or SCRAM"):
        _ = token.client_config
