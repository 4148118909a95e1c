import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamlyt import registry
from streamlyt.core import Component, FeatureMap, Operator, Sink, Source
from streamlyt.core.errors import MissingDependencyError, ParameterError


@pytest.fixture
def category(tmp_path, monkeypatch):
    """Replace the folder of the detectors; return a function that writes a module into it."""
    import streamlyt.detectors

    monkeypatch.setattr(streamlyt.detectors, "__path__", [str(tmp_path)])

    def write_module(name, text):
        (tmp_path / f"{name}.py").write_text(text)

    yield write_module
    for module in [m for m in sys.modules if m.startswith("streamlyt.detectors.registered")]:
        del sys.modules[module]


@pytest.mark.parametrize(
    ("category", "base"),
    [
        ("connectors", (Source, Sink)),
        ("features", FeatureMap),
        ("transforms", Operator),
        ("molecular", Operator),
        ("integrations", Operator),
        ("dashboards", Component),
    ],
)
def test_registry_returns_every_component_of_a_category(category, base):
    assert registry.component_names(category)
    for name in registry.component_names(category):
        kinds = registry.CATEGORIES[category] if category == "connectors" else [None]
        found = []
        for kind in kinds:
            try:
                found.append(registry.get_component(category, name, kind))
            except MissingDependencyError as error:
                pytest.skip(str(error))
            except ParameterError:
                assert category == "connectors"
        assert found
        for cls in found:
            assert issubclass(cls, base)
            assert registry.component_name(cls) == name


def test_a_connector_has_a_source_and_a_sink_under_one_name():
    assert issubclass(registry.get_component("connectors", "memory", "source"), Source)
    assert issubclass(registry.get_component("connectors", "memory", "sink"), Sink)
    with pytest.raises(ParameterError, match=r"must hold one source or sink, got .* pass the kind"):
        registry.get_component("connectors", "memory")


def test_component_names_imports_no_large_library():
    code = (
        "import sys; from streamlyt import registry\n"
        "for category in registry.CATEGORIES: registry.component_names(category)\n"
        "large = {'MDAnalysis', 'bokeh', 'kafka', 'numba', 'scipy', 'pyarrow', 'pydantic'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_private_modules_are_not_listed():
    assert not [
        name
        for category in registry.CATEGORIES
        for name in registry.component_names(category)
        if name[0] == "_"
    ]


def test_hyphens_count_as_underscores(category):
    category(
        "registered_one",
        "from streamlyt.core import Operator\n__all__ = ['One']\nclass One(Operator):\n    pass\n",
    )
    assert registry.get_component("detectors", "registered-one").__name__ == "One"


def test_unknown_name_error_suggests_similar_names():
    with pytest.raises(ParameterError, match="got 'memry'; did you mean memory"):
        registry.get_component("connectors", "memry")
    with pytest.raises(ParameterError, match=r"category .*got 'detector'; did you mean detectors"):
        registry.component_names("detector")
    with pytest.raises(ParameterError, match=r"kind in connectors .*got 'drain'"):
        registry.get_component("connectors", "memory", "drain")


def test_missing_extra_is_named(category):
    category("registered_two", "raise ModuleNotFoundError('gone', name='MDAnalysis.core')\n")
    with pytest.raises(MissingDependencyError, match=r"MDAnalysis .*streamlyt\[md\]"):
        registry.get_component("detectors", "registered_two")


def test_other_missing_module_is_not_reported_as_an_extra(category):
    category("registered_three", "import a_module_that_does_not_exist\n")
    with pytest.raises(ModuleNotFoundError, match="a_module_that_does_not_exist"):
        registry.get_component("detectors", "registered_three")


def test_module_without_a_component_is_an_error(category):
    category("registered_four", "__all__ = ['number']\nnumber = 3\n")
    with pytest.raises(ParameterError, match=r"registered_four must hold one detector, got \[\]"):
        registry.get_component("detectors", "registered_four")


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
def test_parameters_become_plain_values(value, plain):
    described = registry.component_to_table(Thing(value))
    assert described == {"type": "test_registry", "value": plain, "other": 3}
    assert type(described["value"]) is type(plain)


def test_none_is_omitted_or_written_where_it_is_not_the_default():
    assert registry.component_to_table(Thing(None, None)) == {
        "type": "test_registry",
        "other": "none",
    }


@pytest.mark.parametrize("value", [object(), Thing(1), np.zeros(1_000_001)])
def test_value_without_toml_form_is_rejected(value):
    with pytest.raises(ParameterError, match=r"Thing\.value must"):
        registry.component_to_table(Thing(value))
