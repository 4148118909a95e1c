"""Run files written before components were renamed are read and resumed under today's names."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from streamlyt.connectors import FileSource
from streamlyt.core.former_names import current_class, current_name, current_table
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from streamlyt.transforms import MissingValues, RobustScaler
from tests._arrays import assert_same_bits

# Written by version 0.1: 700 of these rows through the operators then called missing, standardise
# and bank, the run stopped between two batches.
FORMAT_2 = Path(__file__).parents[1] / "data" / "format-2.streamlyt"


@pytest.fixture
def table(tmp_path, monkeypatch):
    rows = np.random.default_rng(5).normal(size=(1200, 2))
    rows[900:] += 3.0
    rows[::97, 1] = np.nan
    lines = [f"{a!r},{'' if b != b else repr(b)}\n" for a, b in rows.tolist()]
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(lines))
    monkeypatch.chdir(tmp_path)


def resume(run):
    operators = [
        MissingValues("hold"),
        RobustScaler(window=200),
        MultiscaleNEWMA(window=16, n_components=64, arl=1e3),
    ]
    source = FileSource("a.csv", batch_rows=100)
    return LocalEngine(source, Pipeline(operators), [], run).run()


def test_a_run_file_of_format_2_resumes_under_the_names_of_today(table, tmp_path):
    shutil.copy(FORMAT_2, tmp_path / "old.streamlyt")
    with RunFile.open("old.streamlyt", write=True, trust=True) as old:
        first = old.meta["rows"]
        assert 0 < first < 1200
        resume(old)
        with RunFile.create("new.streamlyt", pipeline="") as new:
            resume(new)
            (times, values), (new_times, new_values) = old.columns(""), new.columns("")
            assert_same_bits(times, new_times)
            if np.array_equal(values[:first], new_values[:first], equal_nan=True):
                assert_same_bits(values, new_values)
            else:  # the file was written on a processor with other last bits (measured: 9e-8)
                np.testing.assert_allclose(values, new_values, rtol=0, atol=1e-6)
            assert [(e.change_index, e.alarm_index) for e in old.events()] == [
                (e.change_index, e.alarm_index) for e in new.events()
            ]
            assert {event.detector for event in old.events()} == {"multiscale_newma"}


def test_names_of_components_are_mapped_where_they_are_names():
    table = {"name": "bank", "features": {"name": "portable"}, "key": "bank", "rows": [1]}
    assert current_table(table) == {
        "name": "multiscale_newma",
        "features": {"name": "array_api"},
        "key": "bank",
        "rows": [1],
    }
    assert current_name("kernel") == "recurrent_kernel_forecaster"
    assert current_class("Optical", "OpticalMap") == "OpticalMap"
    assert current_class("Echo") == "EchoStateNetwork"
    assert current_class("NEWMA") == "NEWMA"
