"""Kill -9 at any moment: every row comes out once, with the state that it should have."""

from contextlib import suppress

import pytest

from streamlyt.connectors import KafkaSink, KafkaSource, MemorySink
from streamlyt.core.errors import ParameterError, SinkError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._waiting import HAPPENS_S, wait_for
from tests.chaos.replayed import replayed
from tests.connectors.kafka.exactly_once import (
    Life,
    engine,
    expected,
    faults,
    lives,
    messages,
    of_run,
    of_topic,
)
from tests.connectors.kafka.topics import new_topic, plain, put, until_left

pytestmark = pytest.mark.kafka


def finish(*words):
    """Run to the end of the topic in this process."""
    one, held = engine(*words, follow=False)
    summary = one.run()
    for each in held:
        each.close()
    return summary


@pytest.mark.parametrize("into", ["run file", "topic"])
def test_killed_four_times_every_row_comes_once_and_in_its_state(broker, tmp_path, into):
    servers = plain(broker)
    topic, out = new_topic(servers, 2), new_topic(servers, 2) if into == "topic" else ""
    sent = messages(16_000, 5, 2)
    words = tmp_path / "a.streamlyt", servers, topic, out, f"g-{topic}", "one"
    chunks = [sent[i * 4000 : (i + 1) * 4000] for i in range(4)]
    for i, chunk in enumerate(chunks):
        put(servers, topic, chunk)
        lives(1, i, words)
    summary = finish(*words)
    assert summary.rows == len(sent)
    assert faults(of_run(words[0]), expected(sent)) == (0, 0, 0)
    if out:
        assert faults(of_topic(servers, out), expected(sent)) == (0, 0, 0)


def test_killed_between_the_transaction_and_the_run_file_nothing_comes_twice(broker, tmp_path):
    servers = plain(broker)
    topic, out = new_topic(servers, 2), new_topic(servers, 2)
    sent = messages(3000, 4, 2)
    put(servers, topic, sent)
    words = tmp_path / "a.streamlyt", servers, topic, out, f"g-{topic}", "one"
    one, held = engine(*words)
    made = []

    def cut(*arguments, **rest):
        made.append(1)
        if len(made) == 3:
            raise SinkError("the disk is gone")
        return type(one.runfile).checkpoint(one.runfile, *arguments, **rest)

    one.runfile.checkpoint = cut
    with pytest.raises(SinkError, match="the disk is gone"):
        one.run()
    for each in held:
        each.close()
    with RunFile.open(words[0]) as run:
        saved = run.meta["rows"]
    assert sum(map(len, of_topic(servers, out).values())) > saved
    finish(*words)
    assert faults(of_topic(servers, out), expected(sent)) == (0, 0, 0)
    assert faults(of_run(words[0]), expected(sent)) == (0, 0, 0)


def test_a_zombie_can_write_nothing_more(broker, tmp_path):
    servers = plain(broker)
    topic, out = new_topic(servers), new_topic(servers)
    put(servers, topic, messages(500, 1, 1))
    sink = KafkaSink(out, bootstrap_servers=servers, transactional_id=f"t-{topic}")
    later = KafkaSink(out, bootstrap_servers=servers, transactional_id=f"t-{topic}")
    source = KafkaSource(topic, ["n", "x"], bootstrap_servers=servers, group_id=f"g-{topic}")
    sink.init_transactions()
    batch, position = next(pair for pair in source.read() if pair[0].n_rows)
    sink.write_rows(batch)
    later.init_transactions()
    with pytest.raises(SinkError, match="uses the transactional id"):
        sink.commit_transaction(source, position)
    later.write_rows(batch)
    later.commit_transaction(source, position)
    assert source.committed() == dict(position)
    assert sum(map(len, rows_of(servers, out).values())) == batch.n_rows
    for each in (source, later):
        each.close()


def test_an_open_transaction_blocks_others_until_its_timeout_only(broker):
    servers = plain(broker)
    topic, out = new_topic(servers), new_topic(servers)
    put(servers, topic, messages(500, 1, 1))
    dead = KafkaSink(
        out, bootstrap_servers=servers, transactional_id=f"t-{topic}", transaction_timeout_s=2.0
    )
    source = KafkaSource(topic, ["n", "x"], bootstrap_servers=servers, group_id=f"g-{topic}")
    dead.init_transactions()
    batch, position = next(pair for pair in source.read() if pair[0].n_rows)
    dead.write_rows(batch)
    # As one that is killed between the two leaves it.
    dead._producer.send_offsets_to_transaction(source.offsets(position), source.membership)
    assert dead._producer.config["transaction_timeout_ms"] == 2000
    assert source.committed() == {}  # raises if the transaction is still open after 20 s
    with pytest.raises(SinkError):
        dead.commit_transaction(source, position)
    source.close()
    with suppress(SinkError):  # it cannot even give up what was taken from it
        dead.close()


def rows_of(servers, topic):
    got = MemorySink()
    source = KafkaSource(topic, ["n"], bootstrap_servers=servers, follow=False)
    LocalEngine(source, Pipeline([]), [got]).run()
    source.close()
    return {key: got.values(key) for key in got.keys()}  # noqa: SIM118 - a sink is no mapping


def test_two_of_a_group_share_the_partitions_and_take_over_from_one_another(broker, tmp_path):
    servers = plain(broker)
    topic, out = new_topic(servers, 4), new_topic(servers, 2)
    sent = messages(12_000, 8, 4)
    put(servers, topic, sent[:4000])
    words = [
        (tmp_path / f"{name}.streamlyt", servers, topic, out, f"g-{topic}", name)
        for name in ("one", "two")
    ]
    first = Life(*words[0])
    first.commits()
    second = Life(*words[1])
    put(servers, topic, sent[4000:8000])
    second.commits()
    first.kill()
    until_left(servers, f"g-{topic}", {"two"})
    put(servers, topic, sent[8000:])
    second.commits(2)
    second.kill()
    until_left(servers, f"g-{topic}", set())  # it may be thought alive, and keep partitions
    finish(*words[0])
    # A transaction that a killed member left open hides later rows until the broker ends it.
    wait_for(
        lambda: faults(of_topic(servers, out), expected(sent))[0] == 0,
        HAPPENS_S,
        "the broker ends the transaction of the killed member and no row is missing",
        every=1.0,
    )
    assert faults(of_topic(servers, out), expected(sent)) == (0, 0, 0)


def test_transactions_need_a_run_file_and_a_kafka_source():
    sink = KafkaSink("out", transactional_id="t")
    source = KafkaSource("t", ["x"], group_id="g")
    with pytest.raises(ParameterError, match="got 1 such sinks, KafkaSource and no run file"):
        LocalEngine(source, Pipeline([]), [sink])


def test_a_source_that_fails_at_any_row_of_a_replay_brings_nothing_out_twice(broker, tmp_path):
    sent, back, topic, run = replayed(3, broker, tmp_path)
    assert (sent, back, topic, run) == (9, 0, (0, 0, 0), (0, 0, 0))


@pytest.mark.parametrize("begun_again", [False, True])
def test_the_sink_refuses_to_commit_a_position_before_one_that_is_committed(broker, begun_again):
    servers = plain(broker)
    topic, out = new_topic(servers), new_topic(servers)
    put(servers, topic, messages(20, 1, 1))
    sink = KafkaSink(out, bootstrap_servers=servers, transactional_id=f"t-{topic}")
    source = KafkaSource(
        topic, ["n", "x"], bootstrap_servers=servers, group_id=f"g-{topic}", max_poll_records=5
    )
    sink.init_transactions()
    read = source.read()
    batch, position = next(pair for pair in read if pair[0].n_rows)
    _, later = next(pair for pair in read if pair[0].n_rows)
    sink.write_rows(batch)
    sink.commit_transaction(source, later)
    if begun_again:  # what was committed is known to the brokers only
        sink.close()
        sink.init_transactions()
    sink.commit_transaction(source, later)
    sink.write_rows(batch)
    with pytest.raises(SinkError, match="at least the committed offset 10"):
        sink.commit_transaction(source, position)
    sink.close()
    assert source.committed() == later == {"0": 10}
    assert len(rows_of(servers, out)["k0"]) == batch.n_rows  # the second time was dropped
    source.close()
