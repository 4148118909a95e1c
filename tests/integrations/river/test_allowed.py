"""What a model text and a saved memory may name, and how large they may be."""

import base64
import io
import json
import tarfile
import tracemalloc

import numpy as np
import pytest
from river import api, base

from streamlyt.core.errors import ParameterError, StateError
from streamlyt.integrations._serialization.allowed import (
    class_of_model,
    class_of_state,
    may_be_saved,
)
from streamlyt.integrations._serialization.objects import from_text, to_text
from streamlyt.integrations.river import RiverModel
from tests.integrations.river.fuzzing import FEW, ROWS, state_of, watched

PLAIN = "preprocessing.StandardScaler() | linear_model.LinearRegression()"
LEFT_OUT = ("annotations", "compat", "datasets", "evaluate", "stream", "utils")


def read_entries(*entries):
    return from_text(json.dumps(entries), "river")


@pytest.mark.parametrize(
    "text",
    [
        "ensemble.VotingClassifier(models=bandit.datasets.NewsArticles())",
        "ensemble.VotingClassifier(models=river.bandit.datasets.NewsArticles())",
        "bandit.envs.KArmedTestbed()",
        "drift.datasets.Bitcoin()",
        "drift.datasets.base.ChangePointFileDataset()",
        "stream.Cache()",
        "compat.River2SKLRegressor(linear_model.LinearRegression())",
        "utils.Rolling(stats.Mean(), 3)",
        "linear_model.base.GLM.__init__()",
        "evaluate.progressive_val_score()",
        "tree.draw()",
        "base.base.os.system('true')",
        "base.Regressor()",
        "compose.pipeline.inspect.getmodule(1)",
    ],
)
def test_a_text_names_components_only(text):
    with watched() as seen, pytest.raises(ParameterError, match="must name components"):
        RiverModel(text)
    assert not seen


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("linear_model.LinearRegression(**{'l2': 5.0})", "must not unpack arguments"),
        ("linear_model.LinearRegression(*[1])", "must not unpack arguments"),
        ("1 | 'a'", "no operand is a component"),
        ("'a'*4000000000", "no operand is a component"),
        ("[0]*4000000000", "no operand is a component"),
        ("(1, 2)*4000000000", "no operand is a component"),
        ("10**10**10", "no operand is a component"),
        ("preprocessing.StandardScaler() * 1000000000", "multiplied by another"),
        ("(metrics.MAE() + metrics.MSE()) * 1000000000", "multiplied by another"),
        ("linear_model.LinearRegression(l2=10**10**10)", "no operand is a component"),
        ("linear_model.LinearRegression(l2='a'*4000000000)", "no operand is a component"),
        ("(" * 300 + "1" + ")" * 300, "must be an expression of river components"),
        ("-" * 5000 + "1", "model must be"),
        ("not " * 4000 + "1", "model must be"),
        ("stats.Mean(" * 150 + ")" * 150, "at most 60 parts deep"),
        ("1+" * 300 + "1", "at most 60 parts deep"),
        ("1+" * 5000 + "1", "must be"),
        ("'" + "a" * 30_000 + "'", "at most 20000 characters"),
        ("9" * 5000, "must be an expression of river components"),
        ("metrics.RollingROCAUC(window_size=1000000000000)", "at most 10000000"),
        ("metrics.RollingROCAUC(1, 1000000000000)", "at most 10000000"),
        ("neighbors.KNNRegressor(n_neighbors=[[100000000]])", "at most 10000000"),
        ("anomaly.HalfSpaceTrees(n_trees=10, height=40)", "at most 1000000 parts"),
        (
            "ensemble.BaggingRegressor(ensemble.BaggingRegressor(dummy.StatisticRegressor("
            "stats.Mean()), n_models=100000), n_models=100000)",
            "at most 1000000 parts",
        ),
        ("ensemble.VotingClassifier(models=3)", "is invalid"),
        ("compose.Pipeline()", "must end in a regressor"),
        ("linear_model.LinearRegression(l2=...)", "calls and plain values"),
        ("linear_model.LinearRegression(l2=f'{1}')", "calls and plain values"),
    ],
)
def test_an_expression_is_checked_before_anything_is_created(text, match):
    tracemalloc.start()
    try:
        with watched() as seen, pytest.raises(ParameterError, match=match) as message:
            RiverModel(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not seen
    assert peak < 50e6
    assert len(str(message.value)) < 1500


def test_lists_of_models_and_joined_transformers_are_parsed():
    text = (
        "('a' * preprocessing.StandardScaler() + compose.Select('b')) | ensemble.EWARegressor("
        "[linear_model.LinearRegression(l2=-0.0), linear_model.LinearRegression(l2=0.1)])"
    )
    assert len(RiverModel(text)._river.steps["EWARegressor"].models) == 2


def test_no_data_set_or_stream_of_river_is_allowed():
    found = set()
    for package in [each for each in dir(api) if not each.startswith("_")]:
        for name, cls in vars(getattr(api, package)).items():
            if not isinstance(cls, type) or not cls.__module__.startswith("river."):
                continue
            closed = any("atasets" in each.__module__ for each in cls.__mro__)
            if package in LEFT_OUT or closed:
                found.add(cls)
                with pytest.raises(LookupError):
                    class_of_model(f"{package}.{name}")
            if closed:
                assert not may_be_saved(cls)
    assert len(found) > 40


def test_every_listed_name_is_bound_to_its_package():
    assert class_of_state("river.stats.mean:Mean").__name__ == "Mean"
    for name in ("river.stats:Mean", "river.compose.pipeline:base.Base", "river.stats.mean:", ":"):
        with pytest.raises(LookupError):
            class_of_state(name)


@pytest.mark.parametrize(
    "entry",
    [
        ["new", "river.bandit.datasets.news:NewsArticles", [], None, None, None],
        ["new", "river.drift.datasets.bitcoin:Bitcoin", [], None, None, None],
        ["new", "river.compat.sklearn_to_river:SKL2RiverRegressor", [], None, None, None],
        ["class", "river.datasets.base:RemoteDataset"],
        ["class", "river.bandit:datasets.NewsArticles"],
        ["class", "river.stream.cache:Cache"],
        ["class", "river.stats.mean:Mean.update"],
        ["class", 7],
        ["function", "river.tree.hoeffding_tree:HoeffdingTree.draw"],
        ["function", "river.base.base:_repr_obj"],
        ["function", "river.compose.pipeline:union"],
        ["call", "str", [["x"]], None, None, None],
        ["call", "int", ["9999"], None, None, None],
        ["new", "list", [], None, None, None],
        ["call", "river.linear_model.lin_reg:LinearRegression", [], None, None, None],
        ["reduce", "os:system", ["true"]],
        ["array", "U1000000000", True, "C", "x"],
        ["array", "V1000000000", True, "C", 0],
        ["array", "O", False, "C", [1]],
        ["array", "i4,f8", False, "C", [1]],
        ["array", "M8[s]", False, "C", [1]],
        ["bytes", "zz"],
        ["deque", -1, []],
        ["deque", 10**30, []],
        ["random", 5],
        ["new", "river._river_rust.stats:RsRollingROCAUC", [1, 10**12], None, None, None],
        ["new", "river._river_rust.stats:RsQuantile", [], [1], None, None],
        ["partial", 5, [], [], []],
        ["defaultdict", "x", [], []],
        ["list", [[-70]]],
    ],
)
def test_a_state_with_other_names_is_rejected(entry):
    tracemalloc.start()
    try:
        with watched() as seen, pytest.raises(StateError, match="saved model"):
            read_entries(entry, ["bytes", "ff" * 40])
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert not seen


@pytest.mark.parametrize("name", ["download", "draw", "_get_params", "__init__", "mutate"])
def test_only_listed_methods_are_bound(name):
    made = ["new", "river.stats.mean:Mean", [], None, None, None]
    with pytest.raises(StateError, match="holds the method"):
        read_entries(["method", [1], name], made)
    assert read_entries(["method", [1], "clone"], made).__name__ == "clone"


@pytest.mark.parametrize("name", ["__class__", "__dict__", "update", "get", 5])
def test_a_state_sets_attributes_but_no_methods_or_special_names(name):
    with pytest.raises(StateError, match="hold attributes of Mean"):
        read_entries(["new", "river.stats.mean:Mean", [], [1], None, None], ["dict", [name], [1.0]])


def test_attributes_of_classes_with_setstate_are_checked_too():
    scaler = "river.preprocessing.scale:StandardScaler"
    with pytest.raises(StateError, match="hold attributes of StandardScaler"):
        read_entries(["new", scaler, [], [1], None, None], ["dict", ["learn_one"], [1.0]])


def test_depth_is_bounded_and_keys_are_plain():
    deep = [["list", [[i + 1]]] for i in range(2000)] + [["list", []]]
    with pytest.raises(StateError, match=r"objects deep|recursion depth"):
        read_entries(*deep)
    # The other way round each is ready before the next asks for it.
    flat = [["list", [[i] for i in range(1, 2000)]], ["tuple", []]]
    flat += [["tuple", [[i], [i]]] for i in range(1, 1999)]
    with pytest.raises(StateError, match="at most 400 objects deep"):
        read_entries(*flat)
    twice = [["set", [[60]]], ["tuple", []], *[["tuple", [[i], [i]]] for i in range(1, 60)]]
    with pytest.raises(StateError, match="plain keys"):
        read_entries(*twice)
    with pytest.raises(StateError, match="cannot be read"):
        from_text("[" * 100_000, "river")


def test_a_tar_archive_in_a_state_is_not_unpacked(tmp_path):
    goal = tmp_path / "written.txt"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("../" * 12 + str(goal)[1:])
        info.size = 4
        tar.addfile(info, io.BytesIO(b"text"))
    url = f"data:application/x-tar;base64,{base64.b64encode(archive.getvalue()).decode()}/x.tar"
    model = RiverModel(PLAIN)
    model.update(ROWS)
    entries = json.loads(model.state["river"].tobytes().decode())
    n = len(entries)
    news = "river.bandit.datasets.news:NewsArticles"
    entries += [
        ["new", news, [], [n + 1], None, None],
        ["dict", ["url", "unpack", "filename", "size"], [url, True, "x", 1]],
        ["method", [n], "download"],
        ["dict", ["func"], [[n + 2]]],
    ]
    at = next(i for i, each in enumerate(entries) if "StandardScaler" in str(each[1]))
    entries[at] = ["new", "river.compose.func:FuncTransformer", [], [n + 3], None, None]
    with pytest.raises(StateError, match="closed to saved models"):
        RiverModel(PLAIN).state = state_of(entries)
    assert not goal.exists()


def test_a_state_with_other_steps_than_the_model_is_rejected():
    other = RiverModel("preprocessing.MinMaxScaler() | linear_model.LinearRegression()")
    other.update(FEW)
    with pytest.raises(StateError, match="must match 'preprocessing"):
        RiverModel(PLAIN).state = other.state


def test_unreadable_objects_are_not_written():
    class Own(base.Regressor):
        def learn_one(self, x, y):
            """Nothing."""

        def predict_one(self, x):
            return 0.0

    with pytest.raises(StateError, match="must have only objects of river"):
        to_text(Own(), "river")


def test_components_with_their_own_methods_are_saved():
    text = "drift.DriftRetrainingClassifier(linear_model.PAClassifier(), drift.binary.DDM())"
    values = ROWS.values.copy()
    values[:, -1] = values[:, -1] > 0
    rows = ROWS.with_values(values, ROWS.schema)
    one, other = RiverModel(text), RiverModel(text)
    one.update(rows)
    other.state = one.state
    again = other.update(rows)[0].values
    np.testing.assert_array_equal(again, one.update(rows)[0].values)
