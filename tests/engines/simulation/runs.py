"""Simulated processes of one run, and what they leave behind."""

import tomllib
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import numpy as np

from streamlyt.config.pipeline_file import dump
from streamlyt.core.errors import StreamlytError
from streamlyt.engines import LocalEngine, SharedStateStore
from streamlyt.runfile import RunFile
from streamlyt.runfile.retention import RetentionPolicy
from tests.engines.simulation.faults import Faults, Killed, close_as_killed
from tests.engines.simulation.operators import SHAPES, Decay, pipeline
from tests.engines.simulation.sinks import FileSink, TransactionSink
from tests.engines.simulation.threads import Scheduler
from tests.engines.simulation.topic import Topic, TopicSource


@dataclass(frozen=True)
class Case:
    """What is run: the same for the disturbed run and its undisturbed twin.

    Parameters
    ----------
    data
        Seed of the messages.
    parts, n
        Number of partitions, and of messages in each.
    shape
        One of ``SHAPES``.
    transactions, files
        Whether there is a sink with transactions; the number of file sinks.
    grows
        Whether half of the messages appear after the first end of the topic.
    large
        Whether states are large.
    retained
        Rows that the run file retains; None for all.
    chunk_bytes
        Of the run file.
    """

    data: int
    parts: int = 2
    n: int = 25
    shape: str = "windows"
    transactions: bool = True
    files: int = 1
    grows: bool = False
    large: bool = False
    retained: int | None = None
    chunk_bytes: int = 1024

    @classmethod
    def drawn(cls, rng):
        """Draw a case."""
        return cls(
            data=rng.randrange(2**32),
            parts=rng.choice([1, 2, 3]),
            n=rng.choice([8, 25, 25, 60]),
            shape=rng.choice(SHAPES),
            transactions=rng.random() < 0.6,
            files=rng.choice([0, 1, 2]),
            grows=rng.random() < 0.3,
            large=rng.random() < 0.05,
            retained=rng.choice([None, None, 20]),
            chunk_bytes=rng.choice([64, 1024, 2**18]),
        )


class Member:
    """A process with a run file and files of its own, again and again.

    Parameters
    ----------
    case, topic, rng
        What is run, over which topic; draws everything else.
    folder
        Of the run file.
    shared
        Folder of shared states; None: states do not migrate.
    """

    def __init__(self, case, topic, rng, folder, shared=None):
        self.case, self.topic, self.rng, self.shared = case, topic, rng, shared
        self.path = folder / "a.streamlyt"
        self.disks = [{"rows": [], "events": []} for _ in range(case.files)]
        self.weight, self.faults = 1.0, Faults()

    def live(self, at=(), run=LocalEngine.run, runs=1):
        """Run one process; return how it ended, "complete" if the topic was read to its end.

        Parameters
        ----------
        at
            Number of a call -> what happens there.
        run
            Runs the engine.
        runs
            How often the engine is run if a run of it fails and the process does not end.
        """
        self.faults = Decay.faults = Faults(at)
        scheduler, opened = Scheduler(self.rng), []
        with ExitStack() as stack:
            stack.enter_context(scheduler.installed())
            stack.enter_context(self.faults.in_run_file())
            try:
                opened.append(self._open())
                return self._run(opened[0], run, runs)
            except Killed:
                pass
            except (KeyboardInterrupt, StreamlytError) as error:
                if not self.faults.dead:
                    return f"{type(error).__name__}: {error}"
            finally:
                for each in opened:
                    close_as_killed(each) if self.faults.dead else each.close()
        for disk in self.disks:  # a line at the end may be partial
            del disk["rows"][len(disk["rows"]) :]
        return "killed"

    def _run(self, opened, run, runs):
        case, rng, faults = self.case, self.rng, self.faults
        operators, node = pipeline(case.shape, weight=self.weight, large=case.large)
        sinks = [FileSink(disk, faults, rng) for disk in self.disks]
        nodes = [node, None][: len(sinks)]
        if case.transactions:
            at = rng.randrange(len(sinks) + 1)
            sinks.insert(at, TransactionSink(self.topic, faults))
            nodes.insert(at, None)
        ticks = count()
        engine = LocalEngine(
            TopicSource(self.topic, rng, faults),
            operators,
            sinks,
            opened,
            checkpoint_interval_s=rng.choice([1e9, 1e9, 20, 0]),
            checkpoint_interval_rows=rng.choice([1, 5, 17, 60, 10**9]),
            clock=lambda: float(next(ticks)),
            prefetch_bytes=rng.choice([0, 0, 1, 2000]),
            state_store=None if self.shared is None else SharedStateStore(self.shared, "a"),
            threads=rng.choice([1, 1, 2, 3]),
            sink_inputs=nodes,
        )
        faults.engine, faults.reload = engine, lambda: self._reload(engine)
        while True:
            runs -= 1
            try:
                done = run(engine)
            except (KeyboardInterrupt, StreamlytError):
                if not runs or faults.dead:
                    raise
            else:
                return "complete" if done.complete else "stopped"

    def _reload(self, engine):
        self.weight += 1.0
        engine.update_params(
            pipeline(self.case.shape, weight=self.weight, large=self.case.large)[0]
        )

    def _open(self):
        case = self.case
        if not self.path.exists():
            operators, _ = pipeline(case.shape, weight=self.weight, large=case.large)
            text = dump(TopicSource(self.topic, self.rng, self.faults), operators, ())
            policy = None
            if case.retained is not None:
                policy = RetentionPolicy(max_rows=case.retained)
            size = case.chunk_bytes
            RunFile.create(self.path, pipeline=text, chunk_bytes=size, retention=policy).close()
        return RunFile.open(self.path, write=True)

    def outcome(self):
        """Return everything that the run has left, by its place; order only within a series."""
        with RunFile.open(self.path) as run:
            found = dict(_of_run_file(run, self.case.retained is not None))
            found["left"] = sorted(
                each.name for each in self.path.parent.iterdir() if each.name != "a.streamlyt.d"
            )
            blobs = {
                name for (name,) in run._db.execute("SELECT hash FROM states WHERE blob IS NULL")
            }
        folder = self.path.with_name("a.streamlyt.d")
        found["blobs"] = {f"{name}.state" for name in blobs} ^ {
            each.name for each in (folder.iterdir() if folder.exists() else ())
        }
        for i, disk in enumerate(self.disks):
            found[f"file {i}"] = by_series(disk["rows"]), by_series(disk["events"])
        if self.case.transactions:
            found["topic"] = by_series(self.topic.out)
        return found

    def changes(self):
        """Return key -> the rows of the series after which the weight became another."""
        with RunFile.open(self.path) as run:
            text = tomllib.loads(run.meta["pipeline"])
            labels = [table for table in text.get("operators", ()) if table["type"] == "operators"]
            last = int(labels[0]["weight"]) if labels else 1
        rows = defaultdict(list)
        for _, key, _, values in self.disks[0]["rows"] if self.disks else ():
            rows[key].append(np.frombuffer(values)[-1])
        return {
            key: [(int(np.sum(np.array(weights) < w)), float(w)) for w in range(2, last + 1)]
            for key, weights in rows.items()
        }


def twin(case, folder, rng, changes=None, in_two=False):
    """Return the outcome of a run that nothing disturbs.

    Parameters
    ----------
    case, folder, rng
        As for a member; the rest is drawn too.
    changes
        As :meth:`Member.changes` returns them.
    in_two
        Whether the topic grows after its end, and not before it is read.
    """
    topic = topic_of(case)
    member = Member(case, topic, rng, folder)
    Decay.changes = changes or {}
    try:
        for whole in (False, True) if in_two else (True,):
            if whole:
                topic.grow()
            ended = member.live()
            assert ended == "complete", ended
    finally:
        Decay.changes = {}
    return member.outcome(), member.faults.n_calls


def topic_of(case):
    """Return the topic of a case."""
    import random

    return Topic(random.Random(case.data), case.parts, case.n, case.grows)


def by_series(lines):
    """Group lines by kind and series; dead letters of a partition may be in any order."""
    groups = defaultdict(list)
    for kind, key, *rest in lines:
        groups[kind, key].append(tuple(rest))
    return dict(groups)


def _of_run_file(run, pruned):
    for key in sorted(run.keys()):
        yield f"rows of {key}", (run.n_rows(key), run.schema(key))
        if not pruned:
            times, values = run.columns(key)
            coarse = [run.downsample(key, points=points) for points in (3, 40)]
            yield f"values of {key}", (times.tolist(), values.tobytes())
            yield (
                f"levels of {key}",
                [
                    array.tobytes()
                    for each in coarse
                    for array in (each.rows, each.times, each.minimum, each.maximum, each.mean)
                ],
            )
    yield "events", by_series(("event", event.key, repr(event)) for event in run.events())
    late = [
        ("late", batch.key, int(time), values.tobytes())
        for batch in run.late_rows()
        for time, values in zip(batch.times, batch.values, strict=True)
    ]
    yield "late rows", by_series(late)
    yield "dead letters", sorted((each.partition, each.offset) for each in run.dead_letters())
    yield (
        "states",
        {
            (key, name, entry): array.tobytes()
            for key, by_name in run.states().items()
            for name, state in by_name.items()
            for entry, array in state.items()
        },
    )
    yield "progress", (run.meta["rows"], run.meta["complete"])
