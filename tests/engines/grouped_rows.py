"""A source of rows in groups, an operator and a sink for them, and runs of them."""

import numpy as np

from streamlyt.core import Batch, Channel, Event, Operator, Schema, Sink, Source
from streamlyt.core.errors import SinkError
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile

GROUP = 3  # rows that belong together


class Rows(Source):
    """Rows 0 to 11 of two series in turn, one at a time, in groups of three."""

    schema = Schema.of("x")
    n = 12

    def __init__(self):
        self.failures, self.committed_positions, self.reading = {}, [], False

    def get_params(self):
        return {}

    def read(self, start=None):
        for row in range(start["row"] if start else 0, self.n):
            self.reading = True
            failure = self.failures.pop(row, None)
            if isinstance(failure, BaseException):
                raise failure
            if failure is not None:
                failure()
            complete = (row + 1) % GROUP == 0
            batch = Batch("ab"[row % 2], [row], [[float(row)]], self.schema)
            self.reading = False
            yield batch, {"row": row + 1} if complete else None

    def commit(self, position):
        assert not self.reading, "the source is used while it is read"
        self.committed_positions.append(position["row"])


class Total(Operator):
    """Appends the sum of the series, finds even sums, and counts how often it was finished."""

    reloadable_params = frozenset({"weight"})

    def __init__(self, weight=1.0):
        self.weight, self.state = weight, {}

    def update(self, batch):
        if not self.state:
            self.state = {"sum": np.zeros(1), "finished": np.zeros(1)}
        self.state["sum"] = self.state["sum"] + self.weight * batch.values.sum()
        total = float(self.state["sum"][0])
        found = batch.n_rows and total % 2 == 0
        times = batch.times.tolist()[:1] if found else []
        events = [Event(batch.key, "?", 0, t, 0, t, total, 1.0) for t in times]
        schema = batch.schema.with_channels([*batch.schema.channels, Channel("sum")])
        out = np.column_stack([batch.values, np.full(batch.n_rows, total)])
        return batch.with_values(out, schema), events

    def finish(self, batch):
        out = self.update(batch)
        self.state["finished"] = self.state["finished"] + 1
        return out

    def on_params_changed(self):
        self.state["sum"] = self.state["sum"] + 1000


class Plain(Sink):
    """Keeps rows and events, can be truncated, and fails where a test says."""

    def __init__(self):
        self.rows, self.events, self.fails_at, self.fails = [], [], None, False
        self.truncated = []

    def __repr__(self):
        return "Plain()"

    def get_params(self):
        return {}

    def write_rows(self, batch):
        if self.fails_at in batch.times:
            raise SinkError("the disk is full")
        self.rows += batch.times.tolist()

    def write_event(self, event):
        self.events.append(event.alarm_time)

    def flush(self):
        if self.fails:
            raise SinkError("the disk is full")

    def truncate_to(self, rows, events):
        self.truncated.append((rows, events))
        del self.rows[rows:], self.events[events:]


def run_file(path, pipeline=""):
    if path.exists():
        return RunFile.open(path, write=True)
    return RunFile.create(path, pipeline=pipeline)


def content(path):
    """Rows, events, sums, row count and completeness of a run file."""
    with RunFile.open(path) as run:
        keys = run.keys()
        rows = {key: np.column_stack(run.columns(key)).tolist() for key in keys}
        sums = {key: by_name["grouped_rows"]["sum"][0] for key, by_name in run.states().items()}
        return rows, run.events(), sums, run.meta["rows"], run.meta["complete"]


def engine(source, run=None, sinks=(), weight=1.0, **rest):
    rest = {"checkpoint_interval_s": 1e9} | rest
    return LocalEngine(source, Pipeline([Total(weight)]), sinks, run, **rest)


def calls(monkeypatch, order, owner, method, name):
    """Record calls of a method."""
    own = getattr(owner, method)

    def recorded(*args, **named):
        order.append(name)
        return own(*args, **named)

    monkeypatch.setattr(owner, method, recorded)
