"""One worker of a cluster, then three, then two, while rows flow, with states of megabytes."""

import threading
import time

from kafka import KafkaConsumer, TopicPartition

from tests._waiting import wait_for
from tests.chaos.cluster import Story, ended, worker
from tests.connectors.kafka.topics import put

KEYS, ROWS, EACH_S = 6, 20, 1.0  # a message of twenty rows per series and second
N_COMPONENTS = 36_000  # 5 MB per series
FIRST_S, LATER_S = 15.0, 25.0


def rescaled(broker, folder, report=lambda text: None):
    """Return the number of rows, their faults, and the longest pause of a series in seconds.

    A pause is the time between two output messages of a series, less the time between two input
    messages; counted from the first output row.
    """
    turns = round((FIRST_S + 2 * LATER_S) / EACH_S) + 20
    story = Story(
        broker.servers["PLAINTEXT"],
        folder,
        keys=KEYS,
        turns=turns,
        rows=(ROWS, ROWS + 1),
        n_components=N_COMPONENTS,
    )
    with _Watch(story) as watch, _Flow(story) as flow:
        workers = [worker(story.file, 0)]
        watch.until_any()
        pauses = {}
        time.sleep(FIRST_S)
        pauses["one worker"] = watch.longest()
        report("one worker")
        workers += [worker(story.file, i) for i in (1, 2)]
        time.sleep(LATER_S)
        pauses["one to three"] = watch.longest()
        report("three workers")
        assert ended([workers.pop(0)]) == [0]
        time.sleep(LATER_S)
        pauses["three to two"] = watch.longest()
        report("two workers")
        flow.end()
        story.until_came(story.rows)
    assert ended(workers) == [0, 0]
    return story.rows, story.faults(), pauses


class _Flow:
    """Writes the messages of a story at their times, in a thread."""

    def __init__(self, story):
        self._story = story
        self._fast = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self.end()

    def end(self):
        """Write the remaining messages at once."""
        self._fast.set()
        self._thread.join()

    def _write(self):
        story, due = self._story, time.monotonic()
        for start in range(0, len(story.messages), KEYS):
            put(story.servers, story.topics["source"], story.messages[start : start + KEYS])
            due += EACH_S
            self._fast.wait(max(0.0, due - time.monotonic()))


class _Watch:
    """Records when messages of each series come out."""

    def __init__(self, story):
        self._story = story
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._last, self._longest = {}, 0.0
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._over.set()
        self._thread.join()

    def until_any(self, seconds=120):
        wait_for(lambda: len(self._last) == KEYS, seconds, "a row of each series comes out")
        self.longest()

    def longest(self):
        """Return the longest pause since the last call, including a current one."""
        with self._lock:
            now = time.monotonic()
            open_ones = [now - last - EACH_S for last in self._last.values()]
            longest = max(self._longest, *open_ones)
            self._longest = 0.0
            return longest

    def _listen(self):
        story = self._story
        consumer = KafkaConsumer(bootstrap_servers=story.servers, isolation_level="read_committed")
        topic = story.topics["out"]
        parts = [TopicPartition(topic, i) for i in consumer.partitions_for_topic(topic)]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        while not self._over.is_set():
            for records in consumer.poll(100).values():
                with self._lock:
                    now = time.monotonic()
                    for record in records:
                        before = self._last.get(record.key, now)
                        self._longest = max(self._longest, now - before - EACH_S)
                        self._last[record.key] = now
        consumer.close()
