"""Contract of all models: late labels, missing values, new classes, error messages."""

import math
import pickle

import numpy as np
import pytest

from streamlyt import registry
from streamlyt.config import pipeline_file
from streamlyt.connectors import FileSource
from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.features import FourierMap, OpticalMap
from streamlyt.models import FOGD, NLMS, RLS, KernelClassifier, KernelRegressor, LogisticRegression
from tests._arrays import assert_all

REGRESSORS = [RLS, KernelRegressor, FOGD, NLMS]
CLASSIFIERS = [KernelClassifier, LogisticRegression]
LEARNERS = REGRESSORS + CLASSIFIERS


def table(n=400, d=3, classes=0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = 10 + np.sin(2 * x[:, 0]) + x[:, 1]
    return x, np.floor((y - y.min()) * classes / np.ptp(y) * 0.999) if classes else y


def targets_of(cls, y):
    return (y > np.median(y)).astype(float) if cls.is_classifier else y


@pytest.mark.parametrize("cls", LEARNERS)
def test_untrained_model_predicts_zero(cls):
    assert cls().predict(np.zeros((3, 2))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("cls", LEARNERS)
def test_learning_beats_the_constant_prediction(cls):
    x, y = table(1500)
    y = targets_of(cls, y)
    model = cls()
    model.learn(x[:1200], y[:1200])
    error = np.abs(model.predict(x[1200:]) - y[1200:]).mean()
    assert error < 0.25 * np.abs(y[1200:] - np.median(y)).mean()


@pytest.mark.parametrize("cls", LEARNERS)
def test_models_are_batch_invariant(cls):
    x, y = table(600)
    y = targets_of(cls, y)
    one, many = cls(), cls()
    for i in range(600):
        one.learn(x[i : i + 1], y[i : i + 1])
    for start, stop in [(0, 1), (1, 40), (40, 300), (300, 600)]:
        many.learn(x[start:stop], y[start:stop])
    np.testing.assert_allclose(many.predict(x), one.predict(x), rtol=1e-9, atol=1e-9)
    alone = [float(many.predict(row[None])[0]) for row in x[:20]]
    assert many.predict(x[:20]).tolist() == alone


@pytest.mark.parametrize("cls", LEARNERS)
def test_rows_without_a_label_are_predicted_but_not_learned(cls):
    x, y = table(300)
    y = targets_of(cls, y)
    late = y.copy()
    late[::3] = np.nan
    one, other = cls(), cls()
    one.learn(x, late)
    other.learn(x[~np.isnan(late)], late[~np.isnan(late)])
    np.testing.assert_array_equal(one.predict(x), other.predict(x))
    rows = Batch("a", np.arange(300), np.column_stack([late, x]), Schema.of("y", "a", "b", "c"))
    out, events = cls(target="y").update(rows)
    assert out.schema.channel_names == ("y", "a", "b", "c", "prediction")
    assert_all(np.isfinite, out.values[:, -1])
    assert not events


@pytest.mark.parametrize("cls", LEARNERS)
def test_a_missing_input_counts_as_typical(cls):
    x, y = table(500)
    y = targets_of(cls, y)
    x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    x[:, 2] = np.nan
    model = cls()
    model.learn(x, y)
    assert_all(np.isfinite, model.predict(x))
    assert np.abs(model.predict(x) - y).mean() < 0.7 * np.abs(y - np.median(y)).mean()
    missing, typical = (
        np.full((1, 3), np.nan),
        np.nanmedian(model.state["kept"][:, :2], axis=0),
    )
    assert abs(model.predict(missing)[0] - model.predict(np.array([[*typical, np.nan]]))[0]) < 0.2


@pytest.mark.parametrize("cls", LEARNERS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e141])
def test_too_large_values_are_rejected_without_a_state_change(cls, value):
    x, y = table(50)
    y = targets_of(cls, y)
    model = cls()
    model.learn(x, y)
    before = pickle.dumps(model.state)
    bad = x[:3].copy()
    bad[1, 1] = value
    for call in (lambda: model.learn(bad, y[:3]), lambda: model.predict(bad)):
        with pytest.raises(DataError, match="values must be finite and below 1e"):
            call()
    with pytest.raises(DataError, match=r"targets( of classes)? must be"):
        model.learn(x[:1], np.array([value]))
    assert pickle.dumps(model.state) == before


@pytest.mark.parametrize("cls", LEARNERS)
def test_huge_and_constant_columns_leave_the_state_finite(cls):
    x, y = table(900)
    y = targets_of(cls, y)
    x[:, 2] = 7.0
    x[300:310, 0] = 1e139
    x[600:, 1] += 1e6  # beyond all quantiles: the scaling is refitted
    model = cls()
    for i in range(900):
        model.learn(x[i : i + 1], y[i : i + 1])
    for array in model.state.values():
        assert_all(np.isfinite, array)
    x, y = table(600, seed=5)
    y = targets_of(cls, y)
    x[:, 2], x[:, 1] = 7.0, x[:, 1] + 1e6
    model.learn(x, y)
    assert np.abs(model.predict(x) - y).mean() < 0.5 * np.abs(y - np.median(y)).mean()


@pytest.mark.parametrize("cls", REGRESSORS)
def test_predictions_are_equivariant_to_shift_and_scale_of_targets(cls):
    x, y = table(500)
    one, other = cls(), cls()
    one.learn(x, y)
    other.learn(x, 1e6 * y - 1e7)
    np.testing.assert_allclose(other.predict(x), 1e6 * one.predict(x) - 1e7, rtol=1e-6)


@pytest.mark.parametrize("cls", LEARNERS)
def test_predictions_are_invariant_to_power_of_two_scaling_of_inputs(cls):
    x, y = table(300)
    y = targets_of(cls, y)
    one, other = cls(), cls()
    one.learn(x, y)
    other.learn(x * 1024, y)
    np.testing.assert_allclose(other.predict(x * 1024), one.predict(x), rtol=1e-9, atol=1e-9)


def test_predictive_deviation_has_nominal_coverage():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = np.sin(x[:, 0]) + 0.5 * rng.normal(size=3000)
    model = RLS()
    assert_all(np.isinf, model.predict_std(x[:2]))
    model.learn(x[:2000], y[:2000])
    inside = np.abs(model.predict(x[2000:]) - y[2000:]) < 1.96 * model.predict_std(x[2000:])
    assert 0.92 < inside.mean() < 0.98
    far = model.predict_std(np.array([[0.0, 0.0], [30.0, -30.0]]))
    assert far[1] > far[0] > 0.45


def test_a_new_class_is_learned_as_if_known_from_the_start():
    x, y = table(600, classes=4)
    order = np.argsort(y == 3, kind="stable")  # class 3 comes last
    x, y = x[order], y[order]
    model = KernelClassifier()
    model.learn(x, y)
    assert sorted(model.classes) == [0, 1, 2, 3]
    expected = (y[:, None] == model.classes).astype(float)
    features = model._features_of(x)[:, : model._layout(3).columns[1]]
    weights = np.linalg.solve(
        features.T @ features + 0.01 * np.eye(features.shape[1]), features.T @ expected
    )
    result = model.state["weights"][:, : features.shape[1]]
    np.testing.assert_allclose(result.T, weights, atol=1e-6)


def test_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    p = 1 / (1 + np.exp(-2 * x[:, 0]))
    y = (rng.random(4000) < p).astype(float)
    model = KernelClassifier()
    model.learn(x[:3000], y[:3000])
    result = model.probabilities(x[3000:])
    np.testing.assert_allclose(result.sum(axis=1), 1.0)
    one = result[:, model.classes.tolist().index(1.0)]
    assert np.abs(one - p[3000:]).mean() < 0.08


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_more_than_max_classes_are_rejected(cls):
    model = cls(max_classes=2)
    model.learn(np.zeros((2, 1)), np.array([0.0, 5.0]))
    with pytest.raises(DataError, match="at most 2 classes, got 3"):
        model.learn(np.zeros((1, 1)), np.array([7.0]))
    for wrong in (-1.0, 0.5):
        with pytest.raises(DataError, match="integers from 0 on"):
            model.learn(np.zeros((1, 1)), np.array([wrong]))


@pytest.mark.parametrize("cls", LEARNERS)
def test_wrong_shapes_and_columns_are_reported(cls):
    model = cls(target="z")
    rows = Batch("a", [0], [[1.0, 2.0]], Schema.of("x", "y"))
    with pytest.raises(ParameterError, match="target must be one of the columns"):
        model.update(rows)
    with pytest.raises(DataError, match="at least one input"):
        cls().update(Batch("a", [0], [[1.0]], Schema.of("x")))
    with pytest.raises(DataError, match="values must have shape"):
        model.learn(np.zeros((2, 1)), np.zeros(3))
    model.learn(np.zeros((1, 2)), np.zeros(1))
    with pytest.raises(DataError, match="the number of inputs must stay 2"):
        model.predict(np.zeros((1, 3)))


@pytest.mark.parametrize("cls", [NLMS, FOGD])
def test_steps_match_the_formula(cls):
    x, y = table(400)
    model = cls(learning_rate=0.7)
    model.learn(x, y)
    features = model._features_of(x)
    w, origin = np.zeros(features.shape[1]), np.median(y[:256])
    for t, (f, expected) in enumerate(zip(features, y - origin, strict=True)):
        rate = 0.7 / math.sqrt(1 + 0.01 * t) if cls is FOGD else 0.7
        w += rate * (expected - w @ f) * f / (f @ f)
    np.testing.assert_allclose(model.predict(x), features @ w + origin, rtol=1e-8)


def test_logistic_steps_match_the_formula():
    x, y = table(400, classes=3)
    model = LogisticRegression()
    model.learn(x, y)
    features = model._features_of(x)
    w = np.zeros((3, features.shape[1]))  # all three were known at the refit after 256 rows
    for t, (f, expected) in enumerate(zip(features, y, strict=True)):
        at = model.classes.tolist().index(expected)
        part = np.exp(w[:3] @ f)
        part /= part.sum()
        w += 8 / math.sqrt(1 + 0.01 * t) * np.outer(np.eye(3)[at] - part, f) / (f @ f)
    expected = np.exp(features @ w.T)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.probabilities(x), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("kernel_width", 0),
        ("forgetting_factor", 0.0),
        ("forgetting_factor", 1.1),
        ("ridge", 0.0),
        ("huber_k", -1.0),
    ],
)
def test_invalid_parameters_are_reported(parameter, value):
    with pytest.raises(ParameterError, match=rf"{parameter} must be in .*, got {value!r}"):
        RLS(**{parameter: value})
    with pytest.raises(ParameterError, match="features must be a map"):
        RLS(features=3)


def test_a_pipeline_file_can_name_a_model(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    model = RLS(FourierMap(32), forgetting_factor=0.99, target="x")
    text = pipeline_file.dump(FileSource(tmp_path / "a.csv"), {"model": model})
    assert repr(pipeline_file.load(text).operators["model"]) == repr(model)
    assert registry.get_component("models", "kernel_regressor") is KernelRegressor


def test_other_maps_and_single_precision_work():
    x, y = table(400)
    for features in (
        FourierMap(64),
        OpticalMap(64, response="exp"),
        OpticalMap(300, dtype="float32"),
    ):
        model = RLS(features)
        model.learn(x, y)
        assert np.abs(model.predict(x) - y).mean() < 0.3
