"""A pipeline whose state depends on the order of its rows, and its expected output."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from streamlyt.config.pipeline_file import dump
from streamlyt.connectors import KafkaSink, KafkaSource
from streamlyt.core import Channel, Operator
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._waiting import line_of
from tests.connectors.kafka.topics import stream

ROOT = Path(__file__).parents[3]
CODE = "import json, sys; from tests.connectors.kafka.exactly_once import live; live(*sys.argv[1:])"
COLUMNS = ["n", "x"]


class Chain(Operator):
    """Each row out depends on every row before it and on their order, to the last bit."""

    def __init__(self):
        self.state = {}

    def update(self, batch):
        chain = self.state.get("chain", np.zeros(1))[0]
        out = np.empty(batch.n_rows)
        for i, x in enumerate(batch.values[:, 1]):
            chain = np.cos(3.0 * chain + x)
            out[i] = chain
        if batch.n_rows:
            self.state = {"chain": np.array([chain])}
        schema = batch.schema.with_channels([*batch.schema.channels, Channel("chain")])
        return batch.with_values(np.column_stack([batch.values, out]), schema), []


def messages(n, keys, partitions, seed=0):
    """Return n rows of so many series, each in one partition, numbered within its series."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    return [
        (
            b"k%d" % (i % keys),
            json.dumps({"n": i // keys, "x": values[i]}).encode(),
            i % keys % partitions,
        )
        for i in range(n)
    ]


def engine(
    run, servers, topic, out, group, member, follow=True, batch_messages=200, interval_s=0.15
):
    """Return the engine of one life, and what is to be closed after it."""
    source = KafkaSource(
        topic,
        COLUMNS,
        bootstrap_servers=servers,
        group_id=group,
        group_instance_id=member,
        follow=follow,
        max_poll_records=batch_messages,
        session_timeout_s=6,
    )
    sinks = (
        [KafkaSink(out, bootstrap_servers=servers, transactional_id=f"{group}-{member}")]
        if out
        else []
    )
    pipeline = Pipeline([Chain()])
    if not Path(run).exists():
        RunFile.create(run, pipeline=dump(source, pipeline.operators)).close()
    runfile = RunFile.open(run, write=True)
    return LocalEngine(source, pipeline, sinks, runfile, checkpoint_interval_s=interval_s), (
        source,
        *sinks,
        runfile,
    )


def live(run, servers, topic, out, group, member):
    """Run until killed, as a separate process; print each checkpoint."""
    one, _ = engine(run, servers, topic, out, group, member)
    made, commit = [one.runfile.meta["rows"]], one._commit

    def report():
        commit()
        if one._progress.n_rows > made[0]:
            made[0] = one._progress.n_rows
            print(made[0], flush=True)

    one._commit = report
    print("begins", flush=True)
    one.run()


class Life:
    """A process that lives until it is killed."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CODE, *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._said("it begins") == "begins\n"

    def commits(self, n=1):
        """Wait for so many checkpoints with rows."""
        for _ in range(n):
            assert self._said("it makes a checkpoint"), "it ended"

    def _said(self, what):
        return line_of(self.process.stdout, what)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def lives(kills, seed, words, between=lambda i: None):
    """Kill one life after another, each after a commit and a random moment more."""
    moments = random.Random(seed)
    for i in range(kills):
        life = Life(*words)
        life.commits()
        between(i)
        time.sleep(moments.uniform(0.0, 0.3))
        life.kill()


def expected(sent):
    """Return series -> rows, as one run over all of it gives them."""
    series = {}
    for key, value, _ in sent:
        row = json.loads(value)
        rows = series.setdefault(key.decode(), [])
        chain = rows[-1][2] if rows else 0.0
        rows.append((row["n"], row["x"], float(np.cos(3.0 * chain + row["x"]))))
    return series


def of_topic(servers, topic):
    """Return series -> rows, as a reader of committed transactions sees them."""
    series = {}
    for message in stream(servers, topic):
        row = json.loads(message.value)
        series.setdefault(message.key.decode(), []).append((row["n"], row["x"], row["chain"]))
    return series


def of_run(run):
    """Return series -> rows of a run file."""
    with RunFile.open(run) as opened:
        keys = opened.keys()
        return {key: [tuple(row) for row in opened.columns(key)[1].tolist()] for key in keys}


def faults(got, expected):
    """Count rows that are missing, there twice, or wrong."""
    missing = twice = wrong = 0
    for key, rows in expected.items():
        mine = got.get(key, [])
        numbers = [row[0] for row in mine]
        missing += len(rows) - len(set(numbers))
        twice += len(numbers) - len(set(numbers))
        known = {row[0]: row for row in rows}
        wrong += sum(known.get(row[0]) != row for row in mine)
    return missing, twice, wrong
