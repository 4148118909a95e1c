"""river models as operators: the same numbers as in river, and memories that name no code."""

import json

import numpy as np
import pytest
from river import compose, linear_model, preprocessing, stats

from streamlyt.config import pipeline_file
from streamlyt.connectors import FileSource
from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.core.state import pack, unpack
from streamlyt.engines.local import LocalEngine
from streamlyt.integrations._serialization.objects import from_text, to_text
from streamlyt.integrations.river import RiverModel
from streamlyt.operator_checks import check_example, check_operator
from streamlyt.pipeline import Pipeline
from streamlyt.runfile import RunFile
from tests._arrays import assert_all

SCALED = "preprocessing.StandardScaler() | "
NUMBERS = [
    "linear_model.LinearRegression(optimizer=optim.Adam(0.1))",
    "linear_model.BayesianLinearRegression()",
    "neighbors.KNNRegressor()",
    "tree.HoeffdingAdaptiveTreeRegressor(seed=1, grace_period=50)",
    "forest.ARFRegressor(seed=1, n_models=2)",
    "forest.AMFRegressor(seed=1, n_estimators=2)",
    "rules.AMRules()",
    "ensemble.BaggingRegressor(linear_model.LinearRegression(), seed=1)",
]
CLASSES = [
    "linear_model.LogisticRegression()",
    "naive_bayes.GaussianNB()",
    "tree.HoeffdingAdaptiveTreeClassifier(seed=1, grace_period=50)",
    "forest.ARFClassifier(seed=1, n_models=2)",
    "forest.AMFClassifier(seed=1, n_estimators=2)",
]
SCORES = ["anomaly.HalfSpaceTrees(seed=1)", "anomaly.LocalOutlierFactor()"]


def rows(kind, n=240):
    values = np.random.default_rng(0).normal(size=(n, 3))
    y = values[:, 0] + values[:, 1] ** 2
    values[:, 2] = y > 1 if kind == "classes" else y
    return Batch("a", np.arange(n), values, Schema.of("x", "z", "y"))


def models():
    for kind, texts in (("numbers", NUMBERS), ("classes", CLASSES), ("scores", SCORES)):
        yield from (pytest.param(kind, SCALED + text, id=text.split("(")[0]) for text in texts)


@pytest.mark.parametrize(("kind", "text"), list(models()))
def test_a_model_resumes_from_its_saved_state(kind, text):
    batch = rows(kind)
    whole = RiverModel(text)
    expected = whole.update(batch)[0].values
    one = RiverModel(text)
    first = one.update(batch.slice(0, 150))[0].values
    other = RiverModel(text)
    other.state = unpack(pack(one.state))
    second = other.update(batch.slice(150, batch.n_rows))[0].values
    np.testing.assert_array_equal(np.vstack([first, second]), expected)


def test_predictions_match_river():
    batch = rows("numbers")
    plain = preprocessing.StandardScaler() | linear_model.LinearRegression(l2=0.1)
    expected = []
    for x, z, y in batch.values.tolist():
        expected.append(plain.predict_one({"x": x, "z": z}))
        plain.learn_one({"x": x, "z": z}, y)
    found = RiverModel(SCALED + "linear_model.LinearRegression(l2=0.1)", target="y")
    assert found.update(batch)[0].values[:, -1].tolist() == expected


def test_it_satisfies_the_operator_contract():
    check_operator(*check_example(RiverModel))


def test_a_pipeline_file_names_it_and_a_run_resumes(tmp_path):
    batch = rows("numbers")
    lines = "\n".join(",".join(map(repr, row)) for row in batch.values.tolist())
    (tmp_path / "a.csv").write_text(f"x,z,y\n{lines}\n")
    source = FileSource(tmp_path / "a.csv", batch_size=50)
    text = pipeline_file.dump(source, [RiverModel(SCALED + NUMBERS[3])])
    spec = pipeline_file.load(text)
    assert 'type = "river"' in text
    assert repr(spec.operators["river"]) == repr(RiverModel(SCALED + NUMBERS[3]))
    with RunFile.create(tmp_path / "run.streamlyt", pipeline=text) as run:
        LocalEngine(spec.source, Pipeline(spec.operators), runfile=run).run()
        kept = run.states()["a" if "a" in run.states() else next(iter(run.states()))]["river"]
    again = RiverModel(SCALED + NUMBERS[3])
    again.state = kept
    whole = RiverModel(SCALED + NUMBERS[3])
    whole.update(batch)
    probe = rows("numbers", 20)
    np.testing.assert_array_equal(again.update(probe)[0].values, whole.update(probe)[0].values)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "linear_model.LinearRegression().__class__",
        "datasets.Phishing()",
        "preprocessing.StandardScaler()",
        "linear_model.LinearRegression(l3=1)",
        "linear_model.LinearRegresion()",
        "os.system('true')",
        "linear_model._x()",
        "[x for x in ()]",
        "(",
        "3",
    ],
)
def test_an_invalid_expression_is_rejected(text):
    with pytest.raises(ParameterError, match=r"model|has no"):
        RiverModel(text)


@pytest.mark.parametrize(
    "entry",
    [
        ["class", "os:system"],
        ["function", "subprocess:run"],
        ["class", "river.datasets.credit_card:CreditCard"],
        ["new", "subprocess:Popen", [["true"]], None, None, None],
        ["call", "river.base.base:os", ["true"], None, None, None],
        ["cython", "river.utils.vectordict:VectorDict", [], "exec", None, None, None],
        ["function", "river.utils.random:random.Random"],
        ["what", "int", [], None, None, None],
        ["tuple", [[7]]],
    ],
)
def test_a_state_that_names_anything_else_is_rejected(entry):
    with pytest.raises(StateError, match="saved model"):
        from_text(json.dumps([entry]), "river")
    with pytest.raises(StateError, match="saved model"):
        from_text("nothing", "river")


def test_unsavable_models_raise():
    model = compose.FuncTransformer(lambda x: x) | linear_model.LinearRegression()
    with pytest.raises(StateError, match="must have only objects of river"):
        to_text(model, "river")


def test_shared_parts_and_cycles_are_preserved():
    shared = stats.Mean()
    one, (other,) = from_text(to_text([shared, [shared]], "river"), "river")
    assert one is other
    circle = []
    circle.append(circle)
    found = from_text(to_text(circle, "river"), "river")
    assert found[0] is found


def test_missing_inputs_and_columns_are_rejected_and_labels_may_be_missing():
    model = RiverModel(SCALED + NUMBERS[0], target="y")
    batch = rows("numbers", 30)
    model.update(batch)
    before = pack(model.state)
    values = batch.values.copy()
    values[3, 0] = np.nan
    with pytest.raises(DataError, match="got nan in channel 'x'"):
        model.update(batch.with_values(values, batch.schema))
    with pytest.raises(ParameterError, match="target must be one of"):
        model.update(Batch("a", [0], [[1.0, 2.0]], Schema.of("x", "z")))
    values[3, 0], values[:, 2] = 0.0, np.nan
    out, _ = model.update(batch.with_values(values, batch.schema))
    assert_all(np.isfinite, out.values[:, -1])
    assert pack(model.state) == before
