"""A run of the engine reports the error that ended it, even if closing fails."""

from dataclasses import replace

import pytest

from streamlyt.config.pipeline_file import load
from streamlyt.core import Batch, Schema, Sink, Source
from streamlyt.core.errors import SinkError, SourceError, StateError
from streamlyt.engines import RunMetrics, Summary
from streamlyt.engines.daemon._engine_thread import EngineThread

PIPELINE = """
[source]
type = "files"
path = "rows.csv"
columns = ["x"]
"""


class Rows(Source):
    schema = Schema.of("x")

    def __init__(self):
        self.failure, self.closed = None, False

    def get_params(self):
        return {}

    def read(self, start=None):
        yield Batch("a", [1], [[1.0]], self.schema), {"row": 1}
        if self.failure is not None:
            raise self.failure

    def close(self):
        self.closed = True
        raise SourceError("the group is gone")


class Stuck(Sink):
    def get_params(self):
        return {}

    def write_rows(self, batch):
        pass

    def write_event(self, event):
        pass

    def flush(self):
        pass

    def close(self):
        raise SinkError("no answer")


def lived(tmp_path, monkeypatch, source, sinks):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("time,x\n1,1.0\n")
    spec = replace(load(PIPELINE), source=source, sinks=sinks, sink_inputs=(None,) * len(sinks))
    results = []
    life = EngineThread(lambda: spec, tmp_path / "a.streamlyt", RunMetrics(), None, results.append)
    life._main()
    return results[0]


@pytest.mark.parametrize("failure", [StateError("bent"), SourceError("broker away")])
def test_a_close_that_fails_does_not_replace_the_error_that_ended_a_run(
    tmp_path, monkeypatch, failure
):
    """A state of another pipeline ends a daemon; after a failed sink it retries."""
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


def test_a_source_that_cannot_be_made_ends_the_run_with_its_error(tmp_path):
    def make():
        raise SourceError("rotated away")

    results = []
    EngineThread(make, tmp_path / "a.streamlyt", RunMetrics(), None, results.append)._main()
    assert [str(error) for error in results] == ["rotated away"]
    assert not (tmp_path / "a.streamlyt").exists()
