import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamlyt import catalog
from streamlyt.base import Component, FeatureMap, Operator, Sink, Source
from streamlyt.errors import MissingExtraError, ParameterError


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder in which a test may furnish the room of the detectors."""
    import streamlyt.detectors

    monkeypatch.setattr(streamlyt.detectors, "__path__", [str(tmp_path)])

    def furnish(name, text):
        (tmp_path / f"{name}.py").write_text(text)

    yield furnish
    for module in [m for m in sys.modules if m.startswith("streamlyt.detectors.catalogued")]:
        del sys.modules[module]


@pytest.mark.parametrize(
    ("room", "base"),
    [
        ("connectors", (Source, Sink)),
        ("features", FeatureMap),
        ("observables", Operator),
        ("windows", Operator),
        ("dashboards", Component),
    ],
)
def test_every_name_of_a_room_is_found(room, base):
    assert catalog.names(room)
    for name in catalog.names(room):
        kinds = catalog.ROOMS[room] if room == "connectors" else [None]
        found = []
        for kind in kinds:
            try:
                found.append(catalog.find(room, name, kind))
            except MissingExtraError as error:
                pytest.skip(str(error))
            except ParameterError:
                assert room == "connectors"
        assert found
        for cls in found:
            assert issubclass(cls, base)
            assert catalog.name_of(cls) == name


def test_a_connector_has_a_source_and_a_sink_under_one_name():
    assert issubclass(catalog.find("connectors", "memory", "source"), Source)
    assert issubclass(catalog.find("connectors", "memory", "sink"), Sink)
    with pytest.raises(ParameterError, match=r"must hold one source or sink, got .* say which"):
        catalog.find("connectors", "memory")


def test_names_import_nothing_heavy():
    code = (
        "import sys; from streamlyt import catalog\n"
        "for room in catalog.ROOMS: catalog.names(room)\n"
        "heavy = {'MDAnalysis', 'bokeh', 'kafka', 'numba', 'scipy', 'pyarrow', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_helpers_are_not_named():
    assert not [name for room in catalog.ROOMS for name in catalog.names(room) if name[0] == "_"]


def test_hyphens_stand_for_underscores(room):
    room(
        "catalogued_one",
        "from streamlyt.base import Operator\n__all__ = ['One']\nclass One(Operator):\n    pass\n",
    )
    assert catalog.find("detectors", "catalogued-one").__name__ == "One"


def test_an_unknown_name_is_told_with_near_ones():
    with pytest.raises(ParameterError, match="got 'memry'; did you mean memory"):
        catalog.find("connectors", "memry")
    with pytest.raises(ParameterError, match=r"room .*got 'detector'; did you mean detectors"):
        catalog.names("detector")
    with pytest.raises(ParameterError, match=r"kind in connectors .*got 'drain'"):
        catalog.find("connectors", "memory", "drain")


def test_a_missing_extra_is_told(room):
    room("catalogued_two", "raise ModuleNotFoundError('gone', name='MDAnalysis.core')\n")
    with pytest.raises(MissingExtraError, match=r"MDAnalysis .*streamlyt\[md\]"):
        catalog.find("detectors", "catalogued_two")


def test_another_missing_module_is_no_missing_extra(room):
    room("catalogued_three", "import a_module_that_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
        catalog.find("detectors", "catalogued_three")


def test_a_file_without_a_component_is_told(room):
    room("catalogued_four", "__all__ = ['number']\nnumber = 3\n")
    with pytest.raises(ParameterError, match=r"catalogued_four must hold one detector, got \[\]"):
        catalog.find("detectors", "catalogued_four")


class Thing(Component):
    def __init__(self, value, other=3):
        self.value = value
        self.other = other


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.1), 0.1),
        (np.arange(3), [0, 1, 2]),
        ((1, (2.5, "x")), [1, [2.5, "x"]]),
        (Path("a") / "b", "a/b"),
        ({"a": (1,), "b": None}, {"a": [1]}),
        (True, True),
    ],
)
def test_parameters_are_described_in_plain_values(value, plain):
    described = catalog.describe(Thing(value))
    assert described == {"name": "test_catalog", "value": plain, "other": 3}
    assert type(described["value"]) is type(plain)


def test_none_is_left_out_or_said_where_it_is_not_the_default():
    assert catalog.describe(Thing(None, None)) == {"name": "test_catalog", "other": "none"}


@pytest.mark.parametrize("value", [object(), Thing(1), np.zeros(1_000_001)])
def test_what_toml_cannot_say_is_refused(value):
    with pytest.raises(ParameterError, match=r"Thing\.value must"):
        catalog.describe(Thing(value))
