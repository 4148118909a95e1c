"""Kafka source and sink against a real broker, with every security protocol."""

import base64
import json
import re
import time

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump, load
from streamlyt.connectors import KafkaSink, KafkaSource, MemorySink
from streamlyt.connectors.kafka.broker._server_properties import PASSWORD
from streamlyt.core import Batch, Event, Schema
from streamlyt.core.errors import MissingDependencyError, ParameterError, SinkError, SourceError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.registry import get_component
from streamlyt.runfile import RunFile
from tests._public_api import ROOT
from tests.connectors.kafka.topics import content, new_topic, plain, put

pytestmark = pytest.mark.kafka

XY = ["x", "y"]
SCHEMA = Schema.of(*XY, time_unit="ns")


def batch(key, n, start=0, seed=0):
    values = np.random.default_rng(seed).normal(size=(n, 2))
    return Batch(key, (np.arange(n) + start) * 10**6, values, SCHEMA)


def written(sink, batches):
    for one in batches:
        sink.write_rows(one)
    sink.flush()
    sink.close()


def taken(source):
    """Read a source to its end; return what came, and the summary."""
    sink = MemorySink()
    summary = LocalEngine(source, Pipeline([]), [sink]).run()
    source.close()
    return sink, summary


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("codec", ["json", "arrow"])
def test_rows_come_back_by_series_whatever_packs_them(broker, codec, compression):
    servers = plain(broker)
    topic = new_topic(servers, 2)
    batches = [batch(key, 3000, seed=i) for i, key in enumerate("abc")]
    sink = KafkaSink(topic, bootstrap_servers=servers, codec=codec, compression_type=compression)
    written(sink, batches)
    got, summary = taken(
        KafkaSource(
            topic,
            XY,
            bootstrap_servers=servers,
            codec=codec,
            time_column="time",
            time_unit="ns",
            follow=False,
        )
    )
    assert summary.rows == 9000
    assert sorted(got.keys()) == ["a", "b", "c"]
    for one in batches:
        np.testing.assert_array_equal(got.values(one.key), one.values)
        np.testing.assert_array_equal(got.times(one.key), one.times)


def token():
    def part(record):
        return base64.urlsafe_b64encode(json.dumps(record).encode()).rstrip(b"=").decode()

    now = int(time.time())
    claims = {"sub": "streamlyt", "iat": now, "exp": now + 600}
    return f"{part({'alg': 'none'})}.{part(claims)}."


@pytest.mark.parametrize(
    ("listener", "access"),
    [
        ("TLS", {"ca_file": "CA"}),
        (
            "SASL",
            {"sasl_mechanism": "PLAIN", "username": "streamlyt", "secret": "env:KAFKA_PASSWORD"},
        ),
        (
            "SASL_TLS",
            {
                "ca_file": "CA",
                "sasl_mechanism": "SCRAM-SHA-256",
                "username": "streamlyt",
                "secret": "FILE",
            },
        ),
        ("SASL", {"sasl_mechanism": "SCRAM-SHA-512", "username": "streamlyt", "secret": "FILE"}),
        (
            "SASL_TLS",
            {"ca_file": "CA", "sasl_mechanism": "OAUTHBEARER", "secret": "env:KAFKA_TOKEN"},
        ),
    ],
)
def test_every_listener_accepts_clients_and_no_secret_is_shown(
    broker, listener, access, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    monkeypatch.setenv("KAFKA_TOKEN", token())
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    places = {"CA": str(broker.certificate), "FILE": f"file:{tmp_path / 'secret'}"}
    access = {key: places.get(value, value) for key, value in access.items()}
    caplog.set_level("DEBUG")
    topic, servers = new_topic(plain(broker)), broker.servers[listener]
    sink = KafkaSink(topic, bootstrap_servers=servers, security=access)
    source = KafkaSource(
        topic,
        XY,
        bootstrap_servers=servers,
        security=access,
        time_column="time",
        time_unit="ns",
        follow=False,
    )
    written(sink, [batch("a", 10)])
    _, summary = taken(source)
    assert summary.rows == 10
    shown = repr(source) + repr(sink) + dump(source, [], [sink]) + caplog.text
    assert PASSWORD not in shown
    assert token().split(".")[1][:20] not in shown


@pytest.fixture
def impatient(monkeypatch):
    """Give a broker that lets nobody in, or is not there, a second in place of five."""
    monkeypatch.setattr("streamlyt.connectors.kafka.security._BOOTSTRAP_MS", 1000)


@pytest.mark.usefixtures("impatient")
def test_a_wrong_password_is_reported_in_one_line(broker, monkeypatch):
    monkeypatch.setenv("KAFKA_PASSWORD", "wrong, and secret")
    access = {"sasl_mechanism": "PLAIN", "username": "streamlyt", "secret": "env:KAFKA_PASSWORD"}
    source = KafkaSource("t", XY, bootstrap_servers=broker.servers["SASL"], security=access)
    with pytest.raises(SourceError) as caught:
        next(source.read())
    assert "security if the broker requires TLS or a password" in str(caught.value)
    assert "wrong, and secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        ({"pasword": "x"}, "key of security must be a known one, got 'pasword'"),
        ({"tls": "yes"}, 'security.tls must be "on" or "off"'),
        ({"ca_file": "nowhere.pem"}, "security.ca_file must be a file"),
        ({"sasl_mechanism": "PLAIN", "username": "u"}, "security.secret must be given"),
        (
            {"sasl_mechanism": "PLAIN", "username": "u", "secret": "hunter2"},
            "never the secret itself",
        ),
        ({"sasl_mechanism": "PLAIN", "secret": "env:HOME"}, "security.username must be given"),
        (
            {"sasl_mechanism": "MAGIC", "secret": "env:HOME"},
            "security.sasl_mechanism must be a known one",
        ),
    ],
)
def test_invalid_access_settings_are_rejected(access, reason):
    with pytest.raises(ParameterError, match=reason) as caught:
        KafkaSource("t", XY, security=access)
    assert "hunter2" not in str(caught.value)


def test_a_missing_secret_is_reported():
    for secret in ("env:NOT_SET_ANYWHERE", "file:nowhere"):
        access = {"sasl_mechanism": "PLAIN", "username": "u", "secret": secret}
        with pytest.raises(SourceError, match="must hold the secret"):
            KafkaSource("t", XY, security=access)


def test_invalid_parameters_are_rejected_at_construction():
    for options in (
        {"auto_offset_reset": "now"},
        {"missing": "fill"},
        {"max_poll_records": 0},
        {"group_instance_id": "m"},
    ):
        with pytest.raises(ParameterError):
            KafkaSource("t", XY, **options)
    for options in (
        {},
        {"topic": "t", "compression_type": "rar"},
        {"topic": "t", "rows_per_message": 0},
    ):
        with pytest.raises(ParameterError):
            KafkaSink(**options)
    for codec in ("yaml", {"layout": 1}, {"type": "json", "layout": 1}):
        with pytest.raises(ParameterError):
            KafkaSource("t", XY, codec=codec)
    with pytest.raises(ParameterError, match="bootstrap_servers must be comma-separated host:port"):
        KafkaSource("t", XY, bootstrap_servers="localhost")


def test_it_is_made_from_toml_and_back():
    assert get_component("connectors", "kafka", "source") is KafkaSource
    source = KafkaSource("t", XY, codec={"type": "json", "fields": ["y", "x"]}, group_id="g")
    sink = KafkaSink("out", dead_letter_topic="dead", transactional_id="me")
    spec = load(dump(source, [], [sink]))
    assert spec.source.get_params() == source.get_params()
    assert spec.sinks[0].get_params() == sink.get_params()


def test_a_missing_topic_is_reported_in_one_line(broker):
    with pytest.raises(SourceError, match="no topic 'nowhere' at"):
        next(KafkaSource("nowhere", XY, bootstrap_servers=plain(broker)).read())


@pytest.mark.usefixtures("impatient")
def test_a_missing_broker_is_reported_in_one_line():
    gone = {"bootstrap_servers": "127.0.0.1:1"}
    with pytest.raises(SourceError, match=r"'t' at 127\.0\.0\.1:1 cannot be read"):
        next(KafkaSource("t", XY, **gone).read())
    with pytest.raises(SinkError, match=r"cannot be written at 127\.0\.0\.1:1"):
        KafkaSink("t", **gone).write_rows(batch("a", 1))


def test_keys_times_and_missing_values_come_from_the_messages(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    rows = [
        (b"a", b'[{"x":1,"y":2},{"x":3,"y":null},{"x":5,"y":6}]'),
        (None, b'{"x":7,"y":8}'),
        (b"a", None),
        (b"b", b'{"x":null,"y":null}'),
    ]
    put(servers, topic, rows)
    got, _ = taken(KafkaSource(topic, XY, bootstrap_servers=servers, follow=False))
    np.testing.assert_array_equal(got.values("a"), [[1, 2], [3, np.nan], [5, 6]])
    assert got.times("").tolist() == [1 * 10**6]
    source = KafkaSource(topic, XY, bootstrap_servers=servers, follow=False, missing="drop")
    got, _ = taken(source)
    assert got.values("a").tolist() == [[1, 2], [5, 6]]
    assert source.n_dropped_rows == 2
    assert sorted(got.keys()) == ["", "a"]


def test_time_that_goes_back_begins_another_batch(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    put(servers, topic, [(b"a", b'{"x":%d,"t":%d}' % (i, t)) for i, t in enumerate([5, 6, 4, 9])])
    got, _ = taken(
        KafkaSource(topic, ["x"], bootstrap_servers=servers, time_column="t", follow=False)
    )
    assert [one.times.tolist() for one in got.batches] == [[5e6, 6e6], [4e6, 9e6]]
    assert got.values("a").ravel().tolist() == [0, 1, 2, 3]


def test_corrupt_messages_become_dead_letters_and_the_run_continues(broker, tmp_path):
    servers = plain(broker)
    topic, dead = new_topic(servers, 3), new_topic(servers)
    rng = np.random.default_rng(0)
    messages, bad = [], {}
    for i in range(1000):
        value = b'{"x":%d,"y":0}' % i
        key = b"%d" % (i % 7)
        if i % 100 == 42:
            value = rng.bytes(20)
        elif i % 100 == 43:
            key = b"\xff\xfe"
        messages.append((key, value, i % 3))
        if i % 100 in (42, 43):
            bad[i % 3, i // 3] = key, value
    put(servers, topic, messages)
    source = KafkaSource(topic, XY, bootstrap_servers=servers, follow=False)
    sink = KafkaSink(dead_letter_topic=dead, bootstrap_servers=servers)
    with RunFile.create(tmp_path / "a.streamlyt", pipeline="") as run:
        summary = LocalEngine(source, Pipeline([]), [sink], run).run()
        letters = run.dead_letters()
    source.close()
    sink.close()
    assert summary.rows == 980
    assert source.n_dead_letters == 20
    assert {(one.partition, one.offset): (one.key, one.value) for one in letters} == bad
    assert all(one.topic == topic and one.reason for one in letters)
    side = content(servers, dead)
    assert len(side) == 20
    for message in side:
        fields = {name.removeprefix("streamlyt."): text.decode() for name, text in message.headers}
        where = int(fields["partition"]), int(fields["offset"])
        assert (message.key, message.value) == bad[where]
        assert fields["topic"] == topic
        assert fields["reason"]


def test_events_are_written_as_json(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    event = Event("a", "newma", 5, 5, 1, 1, 2.0, 1.0, ("x",), (0.5,), "ns")
    sink = KafkaSink(events_topic=topic, bootstrap_servers=servers)
    sink.write_event(event)
    sink.flush()
    sink.close()
    (message,) = content(servers, topic)
    assert message.key == b"a"
    assert Event.from_dict(json.loads(message.value)) == event


def test_a_following_source_yields_heartbeats_and_then_new_rows(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    source = KafkaSource(topic, XY, bootstrap_servers=servers, time_column="time", time_unit="ns")
    reading = source.read()
    first, position = next(reading)
    assert (first.n_rows, position) == (0, {"0": 0})
    written(KafkaSink(topic, bootstrap_servers=servers), [batch("a", 5)])
    # On a busy machine the producer may send them in two parts: they come as they were sent.
    came, position = [], None
    while sum(map(len, came)) < 5:
        more, position = next(reading)
        came.append(more.values)
    np.testing.assert_array_equal(np.concatenate(came), batch("a", 5).values)
    assert position == {"0": 5}
    source.close()


def test_a_position_after_the_log_end_is_rejected(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    source = KafkaSource(topic, XY, bootstrap_servers=servers)
    with pytest.raises(SourceError, match="must be at most its end 0"):
        next(source.read({"0": 7}))
    source.close()


def test_a_message_that_is_too_large_is_reported(broker):
    servers = plain(broker)
    topic = new_topic(servers)
    wide = Schema.of("x")
    sink = KafkaSink(topic, bootstrap_servers=servers, codec="arrow", rows_per_message=2**22)
    sink_batch = Batch("a", np.arange(2**21), np.zeros((2**21, 1)), wide)
    with pytest.raises(SinkError, match="cannot be written"):
        sink.write_rows(sink_batch)
    sink.close()


def test_the_example_of_the_page_finds_its_change(broker, capsys):
    page = (ROOT / "docs" / "kafka.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/kafka.md", "exec"), {"SERVERS": plain(broker)})
    key, change = capsys.readouterr().out.split()
    assert key == "pump-1"
    assert abs(int(change) - 4000) < 50


def test_snappy_without_its_library_names_the_extra(monkeypatch):
    monkeypatch.setattr("streamlyt.connectors.kafka.sink.has_snappy", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"streamlyt\[snappy\]"):
        KafkaSink("rows", compression_type="snappy")
