"""One source, several branches: rows, events, sinks and resumption of each."""

from pathlib import Path

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump, load
from streamlyt.connectors import FileSink, MemorySink, MemorySource
from streamlyt.core import Schema, Source
from streamlyt.core.errors import ParameterError, StateError
from streamlyt.detectors import NEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.transforms import TumblingWindow
from tests._arrays import assert_same_bits

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=(9000, 2)) + (np.arange(9000) >= 6000)[:, None] * 1.5


class Pump(Source):
    """One series of two channels."""

    def __init__(self, batch_rows=500):
        self.batch_rows = batch_rows

    @property
    def schema(self):
        return Schema.of("x", "y")

    def read(self, start=None):
        yield from MemorySource(
            VALUES, schema=self.schema, key="pump", batch_size=self.batch_rows
        ).read(start)


SOURCE = Pump()


def forked():
    quick = NEWMA(window=20, n_components=64)
    slow = NEWMA(window=20, n_components=64, arl=1000)
    return Pipeline({"quick": quick, "means": TumblingWindow(4), "slow": slow}, {"means": "source"})


def ran(path, sinks=(), places=(), progress=None, pipeline=None, **rest):
    pipeline = forked() if pipeline is None else pipeline
    if not path.exists():
        RunFile.create(path, pipeline=dump(SOURCE, pipeline)).close()
    with RunFile.open(path, write=True) as run:
        engine = LocalEngine(SOURCE, pipeline, sinks, runfile=run, sink_inputs=places, **rest)
        return engine.run(None if progress is None else lambda n: progress(engine, n))


def test_each_branch_is_a_series_of_its_own(tmp_path):
    path = tmp_path / "a.streamlyt"
    all_of, raw, means = MemorySink(), MemorySink(), MemorySink()
    summary = ran(path, [all_of, raw, means], [None, "source", "means"])
    assert summary.series == {"pump": 9000, "pump/means": 2250}
    alone = LocalEngine(SOURCE, Pipeline({"quick": forked().operators["quick"]})).run().events
    both = [event for event in summary.events if event.key == "pump"]
    assert both == list(alone)
    assert both
    found = [event for event in summary.events if event.key == "pump/means"]
    assert {event.detector for event in found} == {"slow"}
    # In rows of the source, not of the means.
    assert any(5900 < event.change_index < 6100 for event in found)
    assert all_of.events == list(summary.events)
    assert {batch.key for batch in all_of.batches} == {"pump", "pump/means"}
    assert_same_bits(raw.values(), VALUES)
    assert means.values().shape == (2250, 2)
    assert raw.events == means.events == []  # no detector precedes these nodes
    with RunFile.open(path) as run:
        assert [run.n_rows(key) for key in ("pump", "pump/means")] == [9000, 2250]


@pytest.mark.parametrize("rest", [{}, {"store_rows": False}, {"threads": 2}])
def test_files_of_branches_are_resumed_where_the_run_was(tmp_path, rest):
    def written(folder, progress=None):
        folder.mkdir(exist_ok=True)
        sinks = [
            FileSink(folder / "means.csv"),
            FileSink(folder / "rows.jsonl", events_path=folder / "found.jsonl"),
        ]
        done = ran(folder / "a.streamlyt", sinks, ["slow", None], progress, **rest)
        for sink in sinks:
            sink.close()
        return done

    def stop(engine, rows):
        if rows in (2500, 6500):
            engine.stop()

    written(tmp_path / "whole")
    broken = tmp_path / "broken"
    lives = 1
    while not written(broken, stop).complete:
        lives += 1
    assert lives == 3
    for name in ("means.csv", "rows.jsonl", "found.jsonl"):
        assert (broken / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert (broken / "means.csv").read_text().count("pump/means") == 2250


def test_a_run_with_other_branches_is_rejected(tmp_path):
    path = tmp_path / "a.streamlyt"
    ran(path, progress=lambda engine, rows: engine.stop())
    straight = Pipeline(forked().operators)
    with pytest.raises(StateError, match="the inputs of the operators must be"):
        ran(path, pipeline=straight)
    engine = LocalEngine(SOURCE, forked())
    with pytest.raises(StateError, match="the inputs of the operators must be"):
        engine.update_params(straight)


def test_a_pipeline_file_defines_the_branches_and_is_written_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("x,y\n1,2\n")
    text = """
[source]
type = "files"
path = "a.csv"

[[operators]]
type = "newma"

[[operators]]
type = "tumbling_window"
id = "means"
input = "source"
size = 4

[[operators]]
type = "multiscale_newma"

[[sinks]]
type = "files"
path = "means.csv"
input = "means"

[[sinks]]
type = "files"
events_path = "found.jsonl"
"""
    spec = load(text)
    assert spec.pipeline().inputs == {
        "newma": "source",
        "means": "source",
        "multiscale_newma": "means",
    }
    assert spec.sink_inputs == ("means", None)
    again = load(dump(spec.source, spec.pipeline(), spec.sinks, spec.sink_inputs))
    assert (again.pipeline().inputs, again.sink_inputs) == (
        spec.pipeline().inputs,
        spec.sink_inputs,
    )
    with pytest.raises(ParameterError, match=r"operators\.means\.input.*'sorce'.*source"):
        load(text.replace('input = "source"', 'input = "sorce"'))
    with pytest.raises(ParameterError, match=r"sinks\.0\.input.*'mean'"):
        load(text.replace('input = "means"', 'input = "mean"'))
    with pytest.raises(ParameterError, match=r"sinks\.0\.input must be one of"):
        LocalEngine(SOURCE, forked(), [MemorySink()], sink_inputs=["nowhere"])
