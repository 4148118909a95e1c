"""A producer that keeps writing to a topic while processes are killed."""

import itertools
import json
import threading
import time

import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests._waiting import scaled, wait_for

KEYS = 8
_EACH_S = 0.02
_STILL_S = 60  # without a commit: no process is at work


class Feed:
    """Writes rows of eight series at a fixed rate, in a thread, and records them.

    Parameters
    ----------
    servers, topic, partitions
        Destination; a series stays in one partition.
    rate
        Rows per second.
    """

    def __init__(self, servers, topic, partitions, rate):
        self.servers, self.topic, self.partitions = servers, topic, partitions
        self.rate = rate
        self.sent = []  # (key, value, partition), as tests.connectors.kafka.exactly_once has them
        self._over = threading.Event()
        self._failed = []
        self._thread = threading.Thread(target=self._flow, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self.end()

    def end(self):
        """Stop writing; return when the broker has all rows."""
        self._over.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _flow(self):
        # A killed broker is back within the two minutes of the timeout of a message.
        producer = KafkaProducer(
            bootstrap_servers=self.servers, linger_ms=5, retry_backoff_ms=200, max_block_ms=120_000
        )
        numbers = itertools.count()
        rng = np.random.default_rng(0)
        open_ones = []
        try:
            due = time.monotonic()
            while not self._over.wait(max(0.0, due - time.monotonic())):
                for i in itertools.islice(numbers, round(self.rate * _EACH_S)):
                    one = row(i, rng.normal(), self.partitions)
                    open_ones.append(
                        producer.send(
                            self.topic, one[1], key=one[0], partition=one[2], timestamp_ms=i
                        )
                    )
                    self.sent.append(one)
                due = max(due + _EACH_S, time.monotonic() - 1.0)  # after a pause, catch up
                open_ones = [one for one in open_ones if not (one.is_done and one.succeeded())]
            for one in open_ones:
                one.get(scaled(60))
        except BaseException as error:  # raised again where the feed is ended
            self._failed.append(error)
        finally:
            producer.close()


class Group:
    """The offsets that a consumer group has committed, seen by another client."""

    def __init__(self, servers, topic, partitions, group):
        self.parts = [TopicPartition(topic, i) for i in range(partitions)]
        self._consumer = KafkaConsumer(
            bootstrap_servers=servers, group_id=group, enable_auto_commit=False
        )

    def committed(self):
        """Return the committed offset of each partition."""
        return [self._consumer.committed(part) or 0 for part in self.parts]

    def ends(self):
        """Return the end of each partition."""
        found = self._consumer.end_offsets(self.parts)
        return [found[part] for part in self.parts]

    def until_past(self, offsets):
        """Wait until all partitions are committed up to these; return the seconds."""
        return self._until(lambda at: all(a >= b for a, b in zip(at, offsets, strict=True)))

    def until_any_past(self, offsets):
        """Wait until one partition is committed beyond these."""
        return self._until(lambda at: any(a > b for a, b in zip(at, offsets, strict=True)))

    def close(self):
        self._consumer.close()

    def _until(self, enough):
        began, at = time.monotonic(), self.committed()
        while not enough(at):
            at = self._moved(at)
        return time.monotonic() - began

    def _moved(self, before):
        """Wait until the committed offsets change; return them."""

        def found():
            at = self.committed()
            return at if at != before else None

        return wait_for(found, _STILL_S, f"the group commits more than {before}")


def row(i, x, partitions):
    """Return row i of all: its key, its value and its partition."""
    value = json.dumps({"n": i // KEYS, "x": x}).encode()
    return b"k%d" % (i % KEYS), value, i % KEYS % partitions
