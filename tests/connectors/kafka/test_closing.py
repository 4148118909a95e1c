"""What a client of Kafka leaves behind that failed, on clients that fail on purpose."""

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from streamlyt.connectors import KafkaSink, KafkaSource
from streamlyt.connectors.kafka import sink as sinks
from streamlyt.connectors.kafka import source as sources
from streamlyt.core import Batch, Schema
from streamlyt.core.errors import SinkError, SourceError

ROW = Batch("a", [1], [[1.0]], Schema.of("x"))


class Sender:
    forced = False

    def force_close(self):
        self.forced = True


class Producer:
    """Returns or raises the configured result of each call."""

    def __init__(self, failures):
        self.failures, self.calls, self._sender = failures, [], Sender()

    def __getattr__(self, name):
        def call(*_, **__):
            self.calls.append(name)
            if name in self.failures:
                raise self.failures[name]
            return {0} if name == "partitions_for_topic" else self

        return call


@pytest.fixture
def made(monkeypatch):
    """Producers and consumers that are made from now on, and how each is to fail."""
    clients, failures = [], {}

    def make(**_):
        clients.append(Producer(dict(failures)))
        return clients[-1]

    monkeypatch.setattr(sinks, "KafkaProducer", make)
    monkeypatch.setattr(sources, "KafkaConsumer", make)
    return clients, failures


def test_a_close_that_fails_does_not_replace_the_failure_before_it(made):
    clients, failures = made
    failures |= {
        "abort_transaction": KafkaConnectionError("fenced"),
        "close": KafkaTimeoutError("no time"),
    }
    sink = KafkaSink("t", transactional_id="x")
    sink.write_rows(ROW)
    with pytest.raises(SinkError, match="fenced") as raised:
        sink.close()
    assert raised.value.__notes__ == ["ProducerCloser cannot be closed: KafkaTimeoutError: no time"]
    assert clients[0]._sender.forced


def test_a_close_that_fails_alone_is_a_failure_of_the_sink(made):
    clients, failures = made
    failures["close"] = KafkaTimeoutError("no time")
    sink = KafkaSink("t")
    sink.write_rows(ROW)
    with pytest.raises(SinkError, match="no time"):
        sink.close()
    assert clients[0]._sender.forced  # otherwise it keeps sending pending messages
    sink.close()
    assert clients[0].calls.count("close") == 1


def test_a_producer_that_could_not_begin_transactions_is_not_used(made):
    clients, failures = made
    failures["init_transactions"] = KafkaTimeoutError("no coordinator")
    sink = KafkaSink("t", transactional_id="x")
    with pytest.raises(SinkError, match="no coordinator"):
        sink.init_transactions()
    failures.clear()
    sink.init_transactions()
    assert [client.calls for client in clients] == [
        ["init_transactions", "close"],
        ["init_transactions"],
    ]


def test_a_consumer_that_could_not_subscribe_is_not_polled_for_ever(made):
    clients, failures = made
    failures |= {
        "partitions_for_topic": KafkaConnectionError("away"),
        "close": KafkaTimeoutError("no time"),
    }
    source = KafkaSource("t", ["x"], group_id="g")
    for n in (1, 2):
        with pytest.raises(SourceError, match="away"):
            source.assigned_partitions()
        assert len(clients) == n
        assert clients[-1].calls == ["partitions_for_topic", "close"]


def test_a_source_whose_consumer_cannot_be_closed_is_closed_all_the_same(made):
    clients, failures = made
    source = KafkaSource("t", ["x"], group_id="g")
    failures["close"] = KafkaTimeoutError("no time")
    source._get_consumer()
    with pytest.raises(SourceError, match="no time"):
        source.close()
    source.close()
    assert clients[0].calls.count("close") == 1


def test_late_rows_have_a_topic_of_their_own(monkeypatch):
    sent = []

    class Noted(Producer):
        def send(self, topic, value, *_, **__):
            sent.append((topic, value))
            return self

        def add_errback(self, *_):
            return self

    monkeypatch.setattr(sinks, "KafkaProducer", lambda **_: Noted({}))
    sink = KafkaSink("rows", late_topic="late")
    sink.write_rows(ROW)
    sink.write_late_rows(ROW)
    assert [topic for topic, _ in sent] == ["rows", "late"]
    assert sent[0][1] == sent[1][1]
