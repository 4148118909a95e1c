"""Run files written before components were renamed are read and resumed under today's names."""

import contextlib
import json
import re
import shutil
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

from streamlyt.connectors import FileSource
from streamlyt.core import former_names
from streamlyt.core.errors import ParameterError, StateError
from streamlyt.core.former_names import current_class, current_name, current_table, current_tables
from streamlyt.core.state import check_fingerprint, parameter_fingerprint
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.engines import LocalEngine
from streamlyt.pipeline import Pipeline
from streamlyt.registry import CATEGORIES, component_names, get_component
from streamlyt.reservoirs import (
    NVAR,
    EchoStateNetwork,
    RecurrentKernelForecaster,
    ReservoirForecaster,
)
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
        MissingValues("ffill"),
        RobustScaler(window=200),
        MultiscaleNEWMA(window=16, n_components=64, arl=1e3),
    ]
    source = FileSource("a.csv", batch_size=100)
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
        "type": "multiscale_newma",
        "features": {"type": "array_api"},
        "key": "bank",
        "rows": [1],
    }
    assert current_table(current_table(table)) == current_table(table)
    assert current_name("kernel") == "recurrent_kernel_forecaster"
    assert current_class("Optical", "OpticalMap") == "OpticalMap"
    assert current_class("Echo") == "EchoStateNetwork"
    assert current_class("NEWMA") == "NEWMA"


def test_parameters_and_values_of_a_former_pipeline_are_mapped():
    former = {
        "source": {"name": "kafka", "topic": "t", "holes": {"x": "refuse", "y": "drop"}},
        "operators": [
            {"name": "missing", "label": "fill", "policy": "hold", "channels": {"a": "stop"}},
            {
                "name": "forecaster",
                "after": "bank",
                "forget": 0.25,
                "readout": "gram",
                "reservoirs": [{"name": "optical", "average": 2}, {"name": "echo", "links": 3}],
            },
        ],
    }
    assert current_tables(former) == {
        "source": {"type": "kafka", "topic": "t", "missing": {"x": "dead_letter", "y": "drop"}},
        "operators": [
            {
                "type": "missing_values",
                "id": "fill",
                "missing": "ffill",
                "channels": {"a": "raise"},
            },
            {
                "type": "reservoir_forecaster",
                "input": "multiscale_newma",
                "forgetting_factor": 0.75,
                "readout": "normal_equations",
                "reservoirs": [
                    {"type": "optical_reservoir", "n_average": 2},
                    {"type": "echo_state_network", "connections_per_node": 3},
                ],
            },
        ],
    }


def test_every_current_name_of_a_former_parameter_exists():
    for component, renamed in former_names._PARAMETERS.items():
        signatures = set()
        for category in CATEGORIES:
            if component in component_names(category):
                for kind in CATEGORIES[category]:
                    with contextlib.suppress(ParameterError):
                        signatures |= set(
                            signature(get_component(category, component, kind)).parameters
                        )
        assert set(renamed.values()) <= signatures, component


@pytest.mark.parametrize(
    "model",
    [
        ReservoirForecaster(EchoStateNetwork(30), forgetting_factor=0.75, readout="qr"),
        ReservoirForecaster([EchoStateNetwork(20), NVAR(3)], patch_size=1),
        RecurrentKernelForecaster(max_rows=4000, linear_weight=0.5),
    ],
)
def test_a_state_with_the_former_names_of_parameters_is_read(model):
    own = parameter_fingerprint(model)
    former = json.loads(own)
    for new, old in (
        ("forgetting_factor", "forget"),
        ("n_delays", "delays"),
        ("connections_per_node", "links"),
        ("arcsinh_inputs", "compressed"),
        ("max_rows", "rows"),
        ("linear_weight", "linear"),
        ("target_type", "target"),
        ("patch_size", "patch"),
        ("input_noise", "noise"),
        ("max_refit_interval", "refit"),
        ("calibration_rows", "calibration"),
    ):
        former = {re.sub(rf"\b{new}$", old, key): value for key, value in former.items()}
    if "forget" in former:
        former["forget"] = repr(1.0 - float(former["forget"]))
    classes = {"EchoStateNetwork": "Echo", "NVAR": "Polynomial"}
    classes |= {"RecurrentKernelForecaster": "KernelForecaster", "'qr'": "'square-root'"}
    classes |= {"'normal_equations'": "'gram'"}
    former = {key: classes.get(value, value) for key, value in former.items()}
    assert former.keys() != json.loads(own).keys()
    check_fingerprint({"parameters": np.array(json.dumps(former))}, own)
    former["seed"] = "7"
    with pytest.raises(StateError, match="seed was 7 and is 0"):
        check_fingerprint({"parameters": np.array(json.dumps(former))}, own)
