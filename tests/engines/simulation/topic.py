"""A simulated topic, and the source that reads it."""

import numpy as np

from streamlyt.core import Batch, DeadLetter, Schema, Source

SCHEMA = Schema.of("x", "y")
N_KEYS = 2  # series of a partition


class Topic:
    """Messages in partitions, with the output and the position of committed transactions.

    Parameters
    ----------
    rng
        Draws the messages.
    parts, n
        Number of partitions, and of messages in each.
    grows
        Whether half of the messages appear only with :meth:`grow`.
    """

    def __init__(self, rng, parts, n, grows=False):
        self.logs = {}
        for part in range(parts):
            times, log = dict.fromkeys(range(N_KEYS), 0), []
            for _ in range(n):
                key = rng.randrange(N_KEYS)
                if rng.random() < 0.05:
                    log.append(None)  # cannot be decoded
                    continue
                times[key] += rng.choice([0, 1, 1, 2, 3, 9])
                time = times[key] - rng.choice([0, 0, 0, 0, 1, 2, 6])
                value = rng.gauss(0, 1) if rng.random() > 0.05 else float("nan")
                log.append((f"p{part}k{key}", time, value))
            self.logs[str(part)] = log
        self.ends = {part: n // 2 if grows else n for part in self.logs}
        self.out, self.committed = [], {}

    @property
    def grown(self):
        return all(self.ends[part] == len(log) for part, log in self.logs.items())

    def grow(self):
        """Let the other half of the messages appear."""
        self.ends = {part: len(log) for part, log in self.logs.items()}


class TopicSource(Source):
    """Reads a topic to its end; batches of one poll belong together.

    Parameters
    ----------
    topic, rng, faults
        What is read; draws the polls; counts the calls.
    """

    schema = SCHEMA

    def __init__(self, topic, rng, faults):
        self.topic, self.rng, self.faults = topic, rng, faults
        self._dead_letters, self._woken = [], False

    def get_params(self):
        return {}

    def committed(self):
        self.faults.call("source committed")
        return dict(self.topic.committed)

    def assigned_partitions(self):
        self.faults.call("source assigned")
        return sorted(self.topic.logs)

    def partition_of(self, key):
        return key[1]

    def take_dead_letters(self):
        letters, self._dead_letters = self._dead_letters, []
        return letters

    def lag(self):
        return 0

    def keep_alive(self):
        self.faults.call("source keep alive")

    def wakeup(self):
        self._woken = self.rng.random() < 0.5

    def read(self, start=None, stop=None):
        self.faults.call("source read")
        self._dead_letters, self._woken = [], False
        position = {part: int((start or {}).get(part, 0)) for part in self.topic.logs}
        ends = self.topic.ends if stop is None else {p: int(at) for p, at in stop.items()}
        while unread := [part for part in ends if position[part] < ends[part]]:
            self.faults.call("source poll")
            if self.rng.random() < 0.15:  # a heartbeat, of no series or of a known one
                key = self.rng.choice(["", "p0k0"])
                yield Batch(key, np.empty(0, np.int64), np.empty((0, 2)), SCHEMA), dict(position)
                continue
            part = self.rng.choice(unread)
            first = position[part]
            position[part] = min(first + self.rng.randrange(1, 12), ends[part])
            batches = self._decoded(part, first, position[part])
            for i, batch in enumerate(batches):
                yield batch, dict(position) if i == len(batches) - 1 else None
                self.faults.call("source next")
                if self._woken:
                    return  # perhaps within a group

    def _decoded(self, part, first, end):
        by_key = {}
        for offset in range(first, end):
            message = self.topic.logs[part][offset]
            if message is None:
                letter = DeadLetter("t", int(part), offset, b"k", b"v", "bad", 0)
                self._dead_letters.append(letter)
                continue
            runs = by_key.setdefault(message[0], [[]])
            if runs[-1] and message[1] < runs[-1][-1][1]:
                runs.append([])  # times of a batch never decrease
            runs[-1].append(message)
        return [
            Batch(key, [m[1] for m in run], [[m[2], m[1] / 2] for m in run], SCHEMA)
            for key, runs in by_key.items()
            for run in runs
        ] or [Batch("", np.empty(0, np.int64), np.empty((0, 2)), SCHEMA)]
