"""What one life of the engine reports: the error that ended it, whatever closing does."""

from dataclasses import replace

import pytest

from streamlyt.base import Batch, Schema, Sink, Source
from streamlyt.config import load
from streamlyt.daemon._life import Life
from streamlyt.engines import Gauges, Summary
from streamlyt.errors import SinkError, SourceError, StateError

PIPELINE = """
[source]
name = "files"
path = "rows.csv"
columns = ["x"]
"""


class Rows(Source):
    schema = Schema.of("x")

    def __init__(self):
        self.failure, self.closed = None, False

    def params(self):
        return {}

    def read(self, start=None):
        yield Batch("a", [1], [[1.0]], self.schema), {"row": 1}
        if self.failure is not None:
            raise self.failure

    def close(self):
        self.closed = True
        raise SourceError("the group is gone")


class Stuck(Sink):
    def params(self):
        return {}

    def write(self, batch):
        pass

    def record(self, event):
        pass

    def flush(self):
        pass

    def close(self):
        raise SinkError("no answer")


def lived(tmp_path, monkeypatch, source, sinks):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("time,x\n1,1.0\n")
    spec = replace(load(PIPELINE), source=source, sinks=sinks, places=(None,) * len(sinks))
    results = []
    life = Life(spec, tmp_path / "a.streamlyt", Gauges(), None, results.append)
    life._live()
    return results[0]


@pytest.mark.parametrize("failure", [StateError("bent"), SourceError("broker away")])
def test_a_close_that_fails_does_not_replace_what_ended_a_life(tmp_path, monkeypatch, failure):
    """A state that does not fit ends a daemon; a sink that fails is tried again."""
    source = Rows()
    source.failure = failure
    assert lived(tmp_path, monkeypatch, source, [Stuck()]) is failure
    assert failure.__notes__ == [
        "Stuck cannot be closed: no answer",
        "Rows cannot be closed: the group is gone",
    ]
    assert source.closed


def test_a_close_that_fails_after_an_end_is_reported(tmp_path, monkeypatch):
    result = lived(tmp_path, monkeypatch, Rows(), [Stuck()])
    assert isinstance(result, SinkError)


def test_the_summary_is_reported_where_all_can_be_closed(tmp_path, monkeypatch):
    source = Rows()
    source.close = lambda: None
    assert isinstance(lived(tmp_path, monkeypatch, source, []), Summary)
