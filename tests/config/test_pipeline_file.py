from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt import pipeline, registry
from streamlyt.config import factory, pipeline_file
from streamlyt.config.pipeline_file import dump, load
from streamlyt.core import FeatureMap, Operator, Sink, Source
from streamlyt.core.errors import FormatError, ParameterError
from tests._arrays import assert_same_bits


class Reader(Source):
    def __init__(self, path: Path, rows: int = 10, columns: tuple[str, ...] = ()) -> None:
        self.path = path
        self.rows = rows
        self.columns = columns

    schema = None

    def read(self, start=None):
        yield from ()


class Writer(Sink):
    def __init__(self, path: str = "out") -> None:
        self.path = path

    def write_rows(self, batch):
        pass

    def write_event(self, event):
        pass

    def flush(self):
        pass


class Map(FeatureMap):
    def __init__(self, n_components: int = 100, scale: float = 1.0) -> None:
        self.n_components = n_components
        self.scale = scale

    __call__ = kernel = variance = None


class Detect(Operator):
    def __init__(
        self,
        level: float = 3.0,
        null: Literal["learned", "independent"] = "learned",
        features: FeatureMap | None = None,
        limit: int | None = 5,
        weights: tuple[float, ...] = (),
        matrix: np.ndarray | None = None,
        quick: bool = False,
    ) -> None:
        self.level = level
        self.null = null
        self.features = features
        self.limit = limit
        self.weights = weights
        self.matrix = matrix
        self.quick = quick
        self.state = {}

    def update(self, batch):
        return batch, []


CATEGORIES = {
    "connectors": {"reader": Reader, "writer": Writer},
    "detectors": {"detect": Detect},
    "transforms": {},
    "models": {},
    "integrations": {},
    "molecular": {},
    "reservoirs": {},
    "features": {"map": Map},
}


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    """A small registry of the components in this file."""
    names = {cls: name for category in CATEGORIES.values() for name, cls in category.items()}

    def get_component(category, name, kind=None):
        return CATEGORIES[category][name.replace("-", "_")]

    def component_names(category):
        return sorted(CATEGORIES[category])

    def component_name(component):
        return names[component if isinstance(component, type) else type(component)]

    for module in (registry, pipeline_file, factory, pipeline):
        for name, fake in (
            ("get_component", get_component),
            ("component_name", component_name),
            ("component_names", component_names),
        ):
            monkeypatch.setattr(module, name, fake, raising=module is registry)


TEXT = """
[source]
type = "reader"
path = "a.csv"
columns = ["x", "y"]

[[operators]]
type = "detect"
level = 4

[operators.features]
type = "map"
n_components = 7

[[operators]]
type = "detect"
id = "quick"
quick = true
limit = "none"
weights = [0.5, 1.0]

[[sinks]]
type = "writer"
"""


def test_pipeline_file_becomes_objects():
    spec = load(TEXT)
    assert spec.source.get_params() == {"path": Path("a.csv"), "rows": 10, "columns": ("x", "y")}
    assert list(spec.operators) == ["detect", "quick"]
    first, second = spec.operators.values()
    assert (first.level, type(first.level), first.features.n_components) == (4.0, float, 7)
    assert (second.quick, second.limit, list(second.weights)) == (True, None, [0.5, 1.0])
    assert [type(sink) for sink in spec.sinks] == [Writer]


def test_pipeline_file_is_read_from_a_path(tmp_path):
    (tmp_path / "a.toml").write_text(TEXT)
    for path in (tmp_path / "a.toml", str(tmp_path / "a.toml")):
        assert list(load(path).operators) == ["detect", "quick"]


def test_dumped_objects_load_unchanged():
    spec = load(TEXT)
    text = dump(spec.source, spec.operators, spec.sinks)
    again = load(text)
    assert dump(again.source, again.operators, again.sinks) == text
    assert repr(again) == repr(spec)


def test_array_is_written_as_lists():
    matrix = np.array([[0.1, 2.0], [np.inf, -0.0]])
    (back,) = load(dump(Reader(Path("x")), [Detect(matrix=matrix)])).operators.values()
    assert_same_bits(np.array(back.matrix).view(np.int64), matrix.view(np.int64))


@settings(derandomize=True, deadline=None)
@given(
    level=st.floats(allow_nan=False),
    limit=st.none() | st.integers(-(2**63), 2**63 - 1),
    weights=st.lists(st.floats(allow_nan=False), max_size=4),
    path=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda s: s != "none"
    ),
)
def test_round_trip_preserves_every_bit(level, limit, weights, path):
    one = Detect(level=level, limit=limit, weights=np.array(weights), features=Map(scale=level))
    spec = load(dump(Reader(Path("x")), [one, one], [Writer(path)]))
    assert list(spec.operators) == ["detect", "detect_2"]
    for back in spec.operators.values():
        assert repr(back.level) == repr(level)
        assert back.limit == limit
        assert list(map(repr, back.weights)) == list(map(repr, weights))
        assert repr(back.features.scale) == repr(level)
    assert spec.sinks[0].path == path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level = 4", "levle = 4", r"key of operators\.0 \(detect\) .*'levle'; did you mean level"),
        ("level = 4", 'level = "4"', r"operators\.0\.level must be float, got '4'"),
        ("level = 4", 'null = "known"', r"operators\.0\.null must be .*learned.*got 'known'"),
        ("level = 4", "quick = 1", r"operators\.0\.quick must be bool, got 1"),
        ("level = 4", "limit = 1.5", r"operators\.0\.limit must be int \| None, got 1\.5"),
        ('type = "map"', 'type = "mop"', r"operators\.0\.features\.type .*'mop'; did you mean map"),
        ("n_components", "n_comp", r"operators\.0\.features \(map\) .*mean n_components"),
        ('type = "detect"', 'type = "detekt"', r"operators\.0\.type .*did you mean detect"),
        ('type = "detect"', "type = 3", r"operators\.0\.type must be the name .*got 3"),
        ('path = "a.csv"', "", r"source\.path must be given"),
        ("[source]", "[sourse]", "table .*'sourse'; did you mean source"),
        ('id = "quick"', 'id = "detect"', r"operators\.1\.id .*got 'detect'"),
        ("[[sinks]]", "[sinks]", r"sinks must be a list of tables.*write \[\[sinks\]\]"),
    ],
)
def test_error_names_table_and_key(old, new, message):
    with pytest.raises(ParameterError, match=message):
        load(TEXT.replace(old, new, 1))


def test_file_without_a_source_is_rejected():
    with pytest.raises(ParameterError, match=r"missing table \[source\]"):
        load("[[operators]]\ntype = 'detect'\n")


def test_invalid_toml_is_rejected(tmp_path):
    with pytest.raises(FormatError, match=r"must be TOML: .*line 1"):
        load("[source\n=")
    with pytest.raises(FormatError, match=r"none\.toml cannot be read"):
        load(tmp_path / "none.toml")
