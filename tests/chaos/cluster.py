"""Kill -9 of workers of ``streamlyt cluster`` while rows flow, and rescaling."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np

from streamlyt.codecs import MessageRows
from streamlyt.codecs.arrow import ArrowCodec
from streamlyt.core import Batch, Schema
from streamlyt.detectors import NEWMA
from streamlyt.pipeline import Pipeline
from tests._public_api import ROOT
from tests._waiting import scaled, wait_for
from tests.connectors.kafka.topics import content, new_topic, put

COLUMNS = ("x", "y")
OUTPUTS = [*COLUMNS, "statistic", "threshold", "alarm"]
WINDOW, N_COMPONENTS = 20, 64
MAIN = "from streamlyt.cli import main; main()"
PIPELINE = """
[source]
type = "kafka"
topic = "{source}"
columns = ["x", "y"]
codec = "arrow"
time_column = "time"
time_unit = "step"
bootstrap_servers = "{servers}"
group_id = "g-{source}"
session_timeout_s = 6

[[operators]]
type = "newma"
window = {window}
n_components = {n_components}

[[sinks]]
type = "kafka"
topic = "{out}"
events_topic = "{events}"
dead_letter_topic = "{dead}"
bootstrap_servers = "{servers}"
codec = "arrow"
transactional_id = "only-for-serve"

[serve]
port = 0
log_format = "json"
checkpoint_interval_s = 0.3
"""


class Story:
    """Series in messages of uneven numbers of rows, a few of them invalid, and their topics."""

    def __init__(self, servers, folder, keys=6, turns=60, rows=(20, 60), n_components=N_COMPONENTS):
        rng = np.random.default_rng(5)
        self.servers, self.n_components = servers, n_components
        self.topics = {name: new_topic(servers, 4) for name in ("source", "out", "events", "dead")}
        self.file = folder / f"{self.topics['source']}.toml"
        self.file.write_text(
            PIPELINE.format(
                servers=servers, window=WINDOW, n_components=n_components, **self.topics
            )
        )
        codec = ArrowCodec(columns=COLUMNS, time_column="time", time_unit="step")
        done = dict.fromkeys([f"k{i}" for i in range(keys)], 0)
        self.batches, self.messages, self.n_none = [], [], 0
        self._sizes, self.sent = [], 0  # rows of each message; of those that were put
        for turn in range(turns):
            for key in done:
                n, at = int(rng.integers(*rows)), done[key]
                times = np.arange(at, at + n)
                values = rng.normal(size=(n, 2)) + (turn > turns // 2) * 1.5
                done[key] = at + n
                self.batches.append(Batch(key, times, values, Schema.of(*COLUMNS)))
                self.messages.append((key.encode(), codec.encode(MessageRows(values, times))))
                self._sizes.append(n)
            if turn % 20 == 7:
                self.messages.append((b"k0", b"no arrow"))
                self._sizes.append(0)
                self.n_none += 1
        self.rows = sum(done.values())

    def put(self, start, stop=None):
        put(self.servers, self.topics["source"], self.messages[start:stop])
        self.sent += sum(self._sizes[start:stop])

    def expected(self):
        """Output of one process: key -> rows, and the events."""
        pipeline = Pipeline([NEWMA(window=WINDOW, n_components=self.n_components)])
        rows, events = {}, []
        for batch in self.batches:
            out, found = pipeline.process(batch)
            rows.setdefault(batch.key, []).append(out["newma"].values)
            events += found
        return {key: np.concatenate(parts) for key, parts in rows.items()}, events

    def came(self, topic=None):
        """Output so far: key -> times and rows, in order."""
        codec = ArrowCodec(columns=OUTPUTS, time_column="time", time_unit="step")
        rows = {}
        for record in content(self.servers, topic or self.topics["out"]):
            rows.setdefault(record.key.decode(), []).append(codec.decode_all([record.value]).rows)
        return {
            key: (
                np.concatenate([part.times for part in parts]),
                np.concatenate([part.values for part in parts]),
            )
            for key, parts in rows.items()
        }

    def until_came(self, n, topic=None, seconds=120):
        """Wait for a total number of output rows."""
        came = []

        def enough():
            came[:] = [sum(len(times) for times, _ in self.came(topic).values())]
            return came[0] >= n

        every = 0.3 if n < 100_000 else 3.0
        wait_for(enough, seconds, lambda: f"{n} rows come out, but {came[0]}", every=every)

    def faults(self):
        """Return the numbers of missing, duplicate and wrong rows."""
        missing = duplicate = wrong = 0
        came = self.came()
        for key, rows in self.expected()[0].items():
            times, values = came.get(key, (np.empty(0, np.int64), np.empty((0, len(OUTPUTS)))))
            known, first = np.unique(times, return_index=True)
            missing += len(rows) - len(known)
            duplicate += len(times) - len(known)
            same = rows[known].view(np.int64) == values[first].view(np.int64)
            wrong += int((~same.all(axis=1)).sum()) + int((np.diff(first) < 0).sum())
        return missing, duplicate, wrong


def worker(file, number, *sets):
    """Start a worker."""
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-c", MAIN),
            *("cluster", "worker", str(file), "--worker-id", str(number)),
            *(word for each in sets for word in ("--set", each)),
        ],
        cwd=file.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(workers):
    """Stop workers in order; return their exit statuses."""
    for one in workers:
        one.send_signal(signal.SIGTERM)
    return [one.communicate(timeout=scaled(60)) and one.returncode for one in workers]


def killed(kills, broker, folder, report=lambda text: None):
    """Kill two workers in turn; then run three, and two of them.

    Returns
    -------
    The number of rows, and the numbers of missing, duplicate and wrong ones.
    """
    story = Story(broker.servers["PLAINTEXT"], folder, turns=30 + 5 * kills)
    part = len(story.messages) // (kills + 3)
    moments = random.Random(0)
    workers = [worker(story.file, i) for i in (0, 1)]
    story.put(0, part)
    came = 1
    story.until_came(came)
    for kill in range(kills):
        story.put((kill + 1) * part, (kill + 2) * part)
        time.sleep(moments.uniform(0.1, 1.0))
        workers[kill % 2].kill()
        workers[kill % 2].communicate()
        workers[kill % 2] = worker(story.file, kill % 2)
        # Each worker commits at least one more row, if there is one.
        came = min(sum(len(times) for times, _ in story.came().values()) + 1, story.sent)
        story.until_came(came)
        report(f"{kill + 1} of {kills} workers killed, {came} rows")
    workers.append(worker(story.file, 2))
    story.put((kills + 1) * part, (kills + 2) * part)
    story.until_came(min(came + 1, story.sent))
    assert set(ended([workers.pop(0)])) <= {0, -signal.SIGTERM}
    story.put((kills + 2) * part)
    story.until_came(story.rows)
    assert set(ended(workers)) <= {0, -signal.SIGTERM}  # one may still be starting
    return story.rows, story.faults()
