"""Our learners in river: its own checks, names that come and go, data frames, pickles."""

import math
import pickle
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from river import compose, datasets, evaluate, metrics
from river.checks import yield_checks

from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.integrations.river import AnomalyDetector, Classifier, Regressor
from streamlyt.models import RLS, KernelClassifier, KernelDensity, OneClassSVM

MODELS = [Regressor(), Regressor(RLS(forgetting_factor=0.99)), Classifier()]


class Strange:
    """Rows of which every thirtieth is strange, in the place of river's data set, a download."""

    def __init__(self, n=2000):
        self.n = n

    def __iter__(self):
        values = np.random.default_rng(0).normal(size=(self.n, 3))
        values[::30] *= 6.0
        for i, row in enumerate(values.tolist()):
            yield dict(zip("abc", row, strict=True)), i % 30 == 0

    def take(self, n):
        return islice(self, n)


def checks():
    yield from ((model, check) for model in MODELS for check in yield_checks(model))
    kept, datasets.CreditCard = datasets.CreditCard, Strange
    try:
        for model in (
            AnomalyDetector(),
            AnomalyDetector("kernel_density"),
            AnomalyDetector(OneClassSVM()),
        ):
            yield from ((model, check) for check in yield_checks(model))
    finally:
        datasets.CreditCard = kept


CHECKS = list(checks())


def name(value):
    return getattr(value, "__name__", type(value).__name__)


@pytest.mark.parametrize(("model", "check"), CHECKS, ids=name)
def test_wrappers_pass_the_checks_of_river(model, check):
    check(model.clone())


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = [dict(zip("abc", row, strict=True)) for row in rng.normal(size=(n, 3)).tolist()]
    return x, [math.sin(row["a"]) + row["b"] for row in x]


def fed(model, x, y):
    for row, wanted in zip(x, y, strict=True):
        model.learn_one(row, wanted)
    return model


def test_order_of_names_does_not_matter():
    x, y = rows()
    one = fed(Regressor(), x, y)
    other = fed(Regressor(), [dict(reversed(row.items())) for row in x], y)
    assert [one.predict_one(row) for row in x] == [other.predict_one(row) for row in x]


def test_absent_none_and_nan_are_missing_and_unknown_names_are_ignored():
    model = fed(Regressor(), *rows())
    expected = model.predict_one({"a": 0.3, "b": 1.0})
    assert model.predict_one({"a": 0.3, "b": 1.0, "c": None}) == expected
    assert model.predict_one({"a": 0.3, "b": 1.0, "c": math.nan, "z": 5.0}) == expected


def test_a_late_name_is_learned():
    x, y = rows(600)
    y = [wanted + 3 * row["c"] for row, wanted in zip(x, y, strict=True)]
    early = [{k: v for k, v in row.items() if k != "c" or i >= 200} for i, row in enumerate(x)]
    model = fed(Regressor(), early, y)
    probe, truth = rows(50, seed=1)
    errors = [
        model.predict_one(row) - wanted - 3 * row["c"]
        for row, wanted in zip(probe, truth, strict=True)
    ]
    assert np.abs(errors).mean() < 0.3
    with pytest.raises(DataError, match="at most 3 different names in total, got 4"):
        fed(Regressor(max_features=3), [*x[:5], {"d": 1.0}], y[:6])


def test_data_frames_equal_the_loop():
    x, y = rows(500)
    for cls, wanted in ((Regressor, y), (Classifier, [value > 0 for value in y])):
        loop, many = fed(cls(), x, wanted), cls()
        frame = pd.DataFrame(x, index=range(1000, 1500))
        for part in (slice(0, 1), slice(1, 100), slice(100, 500)):
            many.learn_many(frame.iloc[part], pd.Series(wanted[part]))
        found = many.predict_many(frame)
        assert found.index.equals(frame.index)
        alone = [loop.predict_one(row) for row in x]
        if cls is Regressor:
            np.testing.assert_allclose(found, alone, rtol=1e-9, atol=1e-9)
        else:
            assert found.tolist() == alone
            shares = many.predict_proba_many(frame)
            assert shares.columns.tolist() == list(loop.predict_proba_one(x[0]))
            np.testing.assert_allclose(
                shares, [list(loop.predict_proba_one(row).values()) for row in x], atol=1e-9
            )


@pytest.mark.bits
@pytest.mark.parametrize("cls", [Regressor, Classifier])
def test_a_pickle_resumes_with_the_same_bits_and_a_clone_starts_empty(cls):
    x, y = rows()
    y = [value > 0 for value in y] if cls is Classifier else y
    model = fed(cls(), x[:200], y[:200])
    reference = pickle.loads(pickle.dumps(model))
    fed(model, x[200:], y[200:])
    fed(reference, x[200:], y[200:])
    assert [reference.predict_one(row) for row in x] == [model.predict_one(row) for row in x]
    assert model.clone().predict_one(x[0]) == cls().predict_one(x[0])
    known = reference.__getstate__() | {"_version": 99}
    with pytest.raises(StateError, match="must have version 3, got 99"):
        cls().__setstate__(known)


def test_labels_of_any_type_may_appear_at_any_time():
    model = Classifier()
    assert model.predict_one({"a": 1.0}) is None
    assert model.predict_proba_one({"a": 1.0}) == {}
    for i in range(300):
        model.learn_one({"a": float(i % 3)}, ("red", 7, (1, 2))[i % 3])
    assert [model.predict_one({"a": float(k)}) for k in range(3)] == ["red", 7, (1, 2)]
    model.learn_one({"a": 9.0}, "late")
    assert set(model.predict_proba_one({"a": 0.0})) == {"red", 7, (1, 2), "late"}
    for label in (None, math.nan):
        with pytest.raises(DataError, match="label must not be None or NaN"):
            model.learn_one({"a": 1.0}, label)


@pytest.mark.parametrize("wrong", ["high", 1j, [1], math.inf])
def test_non_numbers_are_rejected_without_a_state_change(wrong):
    x, y = rows(40)
    model = fed(Regressor(), x, y)
    before = [model.predict_one(row) for row in x]
    for call in (
        lambda: model.learn_one({"a": wrong, "new": 1.0}, 1.0),
        lambda: model.predict_one({"a": wrong}),
        lambda: model.learn_one(x[0], wrong),
    ):
        with pytest.raises(DataError, match="must be"):
            call()
    assert [model.predict_one(row) for row in x] == before


def test_models_of_the_wrong_kind_are_rejected():
    for call in (
        lambda: Regressor("kernel_classifier"),
        lambda: Classifier(RLS()),
        lambda: Regressor(3),
        lambda: Regressor(max_features=0),
    ):
        with pytest.raises(ParameterError, match="must be"):
            call()


def test_wrappers_work_in_pipelines_and_reach_their_scores():
    model = compose.Discard("long_url") | Classifier(KernelClassifier())
    score = evaluate.progressive_val_score(datasets.Phishing(), model, metrics.Accuracy())
    assert score.get() > 0.9
    score = evaluate.progressive_val_score(datasets.ChickWeights(), Regressor(), metrics.MAE())
    assert score.get() < 21.5


def test_anomalies_are_detected_at_the_rate_and_a_pickle_resumes():
    model = AnomalyDetector(KernelDensity(false_alarm_rate=0.01), max_features=4)
    assert model.score_one({"a": 1.0}) == 0
    stream = list(Strange(3000))
    ordinary = [x for x, strange in stream if not strange]
    for x in ordinary[:2000]:
        model.learn_one(x)
    reference = pickle.loads(pickle.dumps(model))
    message = []
    for x in ordinary[2000:]:
        message.append(model.classify(model.score_one(x)))
        model.learn_one(x)
        reference.learn_one(x)
    assert 0 < np.mean(message) < 0.03
    far = {"a": 9.0, "b": -9.0}
    assert model.classify(model.score_one(far))
    assert reference.score_one(far) == model.score_one(far)
    assert reference.threshold == model.threshold < math.inf
    assert model.clone().score_one(far) == 0
    model.learn_one({"a": 1.0, "new": 2.0})
    assert model.threshold == math.inf
    with pytest.raises(DataError, match="at most 4 different names"):
        model.learn_one({"one": 1.0})
    with pytest.raises(ParameterError, match=r"must be of streamlyt\.models .anomaly model"):
        AnomalyDetector("kernel_regressor")
