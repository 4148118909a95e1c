import os
import shutil
import socket
import stat
import uuid

import pytest
from kafka import KafkaConsumer, KafkaProducer

from streamlyt.connectors.kafka.broker import LocalBroker, unavailable_reason
from streamlyt.core.errors import ParameterError, SourceError
from tests._waiting import scaled
from tests.cli.running import cli


def script(folder, name, text):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def told_of(broker, topic):
    with KafkaConsumer(
        topic, bootstrap_servers=broker.servers["PLAINTEXT"], auto_offset_reset="earliest"
    ) as consumer:
        return [m.value for part in consumer.poll(round(1000 * scaled(20))).values() for m in part]


@pytest.mark.kafka
def test_the_command_starts_and_stops_it_and_data_outlive_kill_9(tmp_path):
    folder = ("--data", tmp_path / "b")
    broker = LocalBroker(tmp_path / "b")
    try:
        started = cli("broker", "start", "--port", "0", *folder)
        assert started.exit_code == 0, started.stderr
        assert started.stdout == broker.servers["PLAINTEXT"] + "\n"
        with KafkaProducer(bootstrap_servers=broker.servers["PLAINTEXT"]) as producer:
            producer.send("t", b"one").get(scaled(20))
        pid = broker.pid
        assert broker.kill()
        assert not broker.running
        assert cli("broker", "start", *folder).stdout == started.stdout
        assert broker.pid != pid
        again = cli("broker", "start", *folder)
        assert again.stdout == cli("broker", "status", *folder).stdout == started.stdout
        assert "already running" in again.stderr
        assert told_of(broker, "t") == [b"one"]
        assert cli("broker", "stop", *folder).stderr == "Broker stopped\n"
        assert cli("broker", "stop", *folder).stderr == "No broker is running\n"
        gone = cli("broker", "status", *folder)
        assert (gone.exit_code, gone.stdout) == (1, "")
    finally:
        broker.kill()


@pytest.mark.kafka
def test_a_cluster_whose_name_begins_with_a_hyphen_is_set_up(tmp_path, monkeypatch):
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    broker = LocalBroker(tmp_path / "b", 0)
    try:
        broker.start()
        assert "cluster.id=-Pj4" in (tmp_path / "b" / "data" / "meta.properties").read_text()
    finally:
        broker.kill()


@pytest.mark.kafka
def test_a_port_in_use_is_reported_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("broker", "start", "--port", port, "--data", tmp_path / "b")
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("streamlyt: the broker did not start: ")
    assert "in use" in last
    # Another port may be tried: nothing but the log is left.
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["broker.log"]


def test_without_java_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install openjdk-17-jre-headless" in unavailable_reason()
    with pytest.raises(SourceError, match="Java must be installed for the broker"):
        LocalBroker(tmp_path / "b").start()
    assert not (tmp_path / "b").exists()


def test_a_java_that_is_too_old_is_named(tmp_path, monkeypatch):
    script(tmp_path / "bin", "java", "echo 'openjdk version \"11.0.2\"' >&2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.defpath}")
    with pytest.raises(SourceError, match=r'version 17 or newer .* got .*version "11\.0\.2"'):
        LocalBroker(tmp_path / "b").start()


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
def test_without_maven_one_line_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(shutil.which("java"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SourceError, match="apt-get install maven"):
        LocalBroker(tmp_path / "b").start()


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java")
def test_a_fetch_that_fails_leaves_nothing_and_says_why(tmp_path, monkeypatch):
    script(tmp_path / "bin", "mvn", "mkdir jars; echo '[ERROR] Checksum validation failed'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SourceError, match=r"cannot download Apache Kafka .*: Checksum validation"):
        LocalBroker(tmp_path / "b").start()
    assert list((tmp_path / "cache" / "streamlyt").iterdir()) == []


def test_an_invalid_listener_or_port_is_rejected(tmp_path):
    with pytest.raises(ParameterError, match=r"listeners must be of .*got 'SSH'"):
        LocalBroker(tmp_path, listeners=("SSH",))
    with pytest.raises(ParameterError, match="port must be in 0 to 65535, got 70000"):
        LocalBroker(tmp_path, 70000)
    with pytest.raises(SourceError, match="no broker in"):
        _ = LocalBroker(tmp_path).servers
