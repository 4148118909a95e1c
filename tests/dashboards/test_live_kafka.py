"""Live page of a result topic, with the real broker."""

import signal
import subprocess
import urllib.request

import numpy as np
import pytest

from streamlyt.cli._dashboard.kafka_feed import ALARM, KafkaFeed, Topics
from streamlyt.connectors import KafkaEventReader, KafkaSink, message_fields
from streamlyt.core import Batch, Event, Schema
from streamlyt.core.errors import SourceError
from tests._waiting import HAPPENS_S, joined, line_of, scaled, wait_for
from tests.cli.running import SETTINGS, cli, command, refused
from tests.connectors.kafka.topics import new_topic, plain, put
from tests.dashboards.live import Serving

pytestmark = pytest.mark.kafka

SCHEMA = Schema.of("x", "y", "statistic", "threshold", "alarm", time_unit="ns")
BEGAN = 1_700_000_000 * 10**9
CURVE = "Bokeh.documents[0].get_model_by_name('statistic.curve').data"


def rows(first, n):
    """Return rows of a detector with a warm-up of 50 rows and a change at row 250."""
    at = np.arange(first, first + n)
    moved = at >= 250
    threshold = np.where(at < 50, np.inf, 4.0)
    statistic = 1.0 + 5.0 * (at >= 255)
    values = np.column_stack([at * 1.0, 8.0 * moved, statistic, threshold, statistic > threshold])
    return Batch("pump", BEGAN + at * 10**9, values, SCHEMA)


FOUND = Event(
    "pump", "newma", 255, BEGAN + 255 * 10**9, 250, BEGAN + 250 * 10**9, 6.0, 4.0, ("y",), (1.0,),
    "ns",
)  # fmt: skip


def until(feed, n, events=0):
    """Return the run of a feed once it has ``n`` rows and the given number of events."""

    def enough():
        run, _ = feed.poll()
        came = run.row_counts().get("pump", (0, 0))[0] if run is not None else 0
        return run if came >= n and len(run.events()) >= events else None

    return wait_for(enough, HAPPENS_S, f"{n} rows and {events} events arrive")


def sent(broker, topic, events_topic, *parts, events=()):
    sink = KafkaSink(topic, events_topic=events_topic, bootstrap_servers=plain(broker))
    for part in parts:
        sink.write_rows(part)
    for event in events:
        sink.write_event(event)
    sink.close()


def test_rows_and_events_of_topics_are_those_of_the_run_and_resume(broker, tmp_path):
    servers = plain(broker)
    topic, events_topic = new_topic(servers), new_topic(servers)
    sent(broker, topic, events_topic, rows(0, 200))
    topics, path = Topics(topic, events_topic, servers), tmp_path / "kept.streamlyt"
    feed = KafkaFeed(topics, path)
    until(feed, 200)
    put(servers, events_topic, [(b"pump", b"no event")])
    sent(broker, topic, events_topic, rows(200, 100), events=[FOUND])
    run = until(feed, 300, events=1)
    assert run.schema("pump").channel_names == SCHEMA.channel_names
    expected = rows(0, 300)
    times, values = run.columns("pump")
    np.testing.assert_array_equal(times, expected.times)
    # JSON has no infinity: the threshold in the warm-up is missing.
    finite = np.where(np.isinf(expected.values), np.nan, expected.values)
    np.testing.assert_array_equal(values, finite)
    assert run.events() == [FOUND]
    metrics = feed.metrics()
    assert metrics["rows"] == 300
    assert metrics["lag"] == 0
    feed.close()
    sent(broker, topic, events_topic, rows(300, 50))
    again = KafkaFeed(topics, path)
    run = until(again, 350, events=1)
    assert run.n_rows("pump") == 350  # no duplicates
    assert run.events() == [FOUND]
    again.close()


def test_without_events_an_alarm_is_where_its_column_rises(broker, tmp_path):
    topic = new_topic(plain(broker))
    sent(broker, topic, None, rows(0, 255), rows(255, 45))
    feed = KafkaFeed(Topics(topic, bootstrap_servers=plain(broker)), tmp_path / "a.streamlyt")
    [event] = until(feed, 300, events=1).events()
    feed.close()
    assert (event.detector, event.alarm_index, event.statistic) == (ALARM, 255, 6.0)
    assert event.alarm_time == BEGAN + 255 * 10**9


@pytest.mark.browser
def test_a_page_of_a_topic_updates_with_new_rows(browser, broker, tmp_path):
    servers = plain(broker)
    topic, events_topic = new_topic(servers), new_topic(servers)
    feed = KafkaFeed(Topics(topic, events_topic, servers), tmp_path / "a.streamlyt")
    with Serving(feed) as server:
        page = browser.new_context().new_page()
        page.goto(server.address())
        page.wait_for_selector("text=Waiting for the run to start")
        sent(broker, topic, events_topic, rows(0, 200))
        page.get_by_role("link", name="pump").click()
        page.wait_for_function(f"window.Bokeh?.documents.length && {CURVE}.row.at(-1) === 199")
        sent(broker, topic, events_topic, rows(200, 100), events=[FOUND])
        page.wait_for_function(f"{CURVE}.row.at(-1) === 299")
        page.wait_for_function("document.querySelectorAll('#series-0-list tbody tr').length === 1")
        assert "y" in page.locator("#series-0-list .name").first.inner_text()
        page.context.close()


def test_the_command_serves_a_topic(broker):
    topic = new_topic(plain(broker))
    sent(broker, topic, None, rows(0, 300))
    words = ("dashboard", "--topic", topic, "--bootstrap-servers", plain(broker), "--port", "0")
    with subprocess.Popen(
        command(*words), env=SETTINGS, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = line_of(process.stderr, "it says its address")
            address = said.removeprefix("Dashboard: ").strip()

            def whole():
                with urllib.request.urlopen(address, timeout=scaled(20)) as answer:
                    page = answer.read().decode()
                return page if "300</b> rows" in page else None

            page = wait_for(whole, HAPPENS_S, "the page shows 300 rows", every=0.2)
            assert "1</b> in alarm" in page
            process.send_signal(signal.SIGTERM)
            assert process.wait(scaled(20)) == 0
        finally:
            process.kill()


def test_what_cannot_be_read_is_told(broker, tmp_path):
    servers = plain(broker)
    refused(cli("dashboard"), 2, "RUN or --topic TOPIC is required")
    refused(cli("dashboard", "--topic", "t", "--security", "tls"), 2, "must be KEY=VALUE")
    words = ("dashboard", "--topic", "no-such-topic", "--bootstrap-servers", servers)
    refused(cli(*words), 1, "no topic 'no-such-topic'")
    feed = KafkaFeed(
        Topics("gone", columns=["x"], bootstrap_servers=servers), tmp_path / "a.streamlyt"
    )
    joined(feed._thread, "the feed gives up")
    with pytest.raises(SourceError, match="no topic 'gone'"):
        feed.poll()
    feed.close()
    topic = new_topic(servers)
    assert message_fields(topic, servers) is None
    put(servers, topic, [(b"pump", b"1,2,3")])
    with pytest.raises(SourceError, match="must be JSON objects"):
        message_fields(topic, servers)
    with pytest.raises(SourceError, match="no topic"):
        KafkaEventReader("no-such-topic", servers)
