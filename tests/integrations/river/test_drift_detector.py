"""Our detectors as river's: the promises of the checks, rows by name, holes, wrappers of river."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base, drift, forest, linear_model, metrics, naive_bayes, tree

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError, StateError
from streamlyt.detectors import NEWMA, MultiscaleNEWMA
from streamlyt.integrations.river import DriftDetector
from streamlyt.integrations.river.drift_detector_checks import (
    check_drift_detector,
    drifting_rows,
    yield_checks,
)

FACES = [
    DriftDetector("newma", window=10),
    DriftDetector(MultiscaleNEWMA(window=30)),
    DriftDetector(
        "newma",
        missing="ffill",
        features=["c", "a"],
        null_model="adaptive",
        threshold_quantile=0.999,
    ),
    DriftDetector("newma", missing="drop", window=20),
]


@pytest.mark.parametrize("check", list(yield_checks()), ids=lambda check: check.__name__)
@pytest.mark.parametrize("detector", FACES, ids=["newma", "multiscale_newma", "hold", "drop"])
def test_wrapper_satisfies_the_contract(detector, check):
    check(detector, drifting_rows())


class Level(base.DriftDetector):
    """One that keeps every promise; those below each break one."""

    def __init__(self, level=2.0):
        super().__init__()
        self.level = level
        self.mean, self.rows = 0.0, 0

    def update(self, x):
        if x != x:
            raise ValueError("no number")
        before = self.mean
        self.mean += 0.05 * (x - self.mean)
        self.rows += 1
        self._drift_detected = before <= self.level < self.mean or self.rows % 500 == 0

    def _reset(self):
        super()._reset()
        self.mean, self.rows = 0.0, 0


class KeepsMemoryInItsClass(Level):
    seen = 0

    def update(self, x):
        type(self).seen += 1
        super().update(x + 1e-4 * self.seen)


class ClonesItsMemory(Level):
    def clone(self, new_params=None, include_attributes=False):
        one = super().clone()
        one.rows = self.rows % 7
        return one


class ForgetsInPickle(Level):
    def __getstate__(self):
        return self.clone().__dict__


class DoesNotReset(Level):
    def _reset(self):
        pass


class SeesTheOrder(Level):
    multivariate = True

    def update(self, x):
        super().update(x["a"] if next(iter(x)) == "a" else 0.0)


class IsPoisoned(Level):
    def update(self, x):
        self.mean, self.rows = self.mean + 0 * x, self.rows + 0 * x
        super().update(0.0 if x != x else x)


class GrowsForEver(Level):
    def update(self, x):
        super().update(x)
        self.__dict__.setdefault("_seen", []).append(x)


class TellsNothing(Level):
    def update(self, x):
        pass


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (KeepsMemoryInItsClass, "the same rows must give the same drifts"),
        (ClonesItsMemory, "a clone must start with an empty state"),
        (ForgetsInPickle, "pickled or copied"),
        (DoesNotReset, "reset detector must"),
        (SeesTheOrder, "the order of names"),
        (IsPoisoned, "must not disable"),
        (GrowsForEver, "the state must be bounded"),
        (TellsNothing, "a drift must be detected"),
    ],
)
def test_a_broken_contract_is_detected(broken, message):
    check_drift_detector(Level())
    with pytest.raises(AssertionError, match=message):
        check_drift_detector(broken())


def test_drifts_match_the_detector():
    rows = drifting_rows()
    values = np.array([list(row.values()) for row in rows])
    _, events = NEWMA(10).update(Batch("", np.arange(1800), values, Schema.of(*"abc")))
    face, found = DriftDetector(NEWMA(10)), []
    for row in rows:
        face.update(row)
        if face.drift_detected:
            found.append(face.event)
    assert found
    assert repr(found) == repr(events)


def test_a_number_is_a_row_of_one_feature():
    one, other = DriftDetector("newma", window=10), DriftDetector("newma", window=10)
    for row in drifting_rows(1800):
        one.update(row["a"])
        other.update({"whatever": row["a"]})
        assert one.drift_detected == other.drift_detected
    assert one.event.channels == ("x",)
    assert other.event.channels == ("whatever",)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.permutations(["b", "a", 3, "c"]), st.booleans())
def test_order_of_the_names_does_not_matter(order, named):
    features = ["c", 3] if named else None
    faces = [DriftDetector("multiscale_newma", window=16, features=features) for _ in range(2)]
    for values in np.random.default_rng(0).normal(size=(150, 4)).tolist():
        row = dict(zip(["a", "b", "c", 3], values, strict=True))
        faces[0].update(row)
        faces[1].update({name: row[name] for name in order})
        assert faces[0].statistic == faces[1].statistic


def test_names_not_in_features_are_ignored():
    one, other = (DriftDetector("multiscale_newma", window=16, features=["a"]) for _ in range(2))
    for i, row in enumerate(drifting_rows(600)):
        one.update({"a": row["a"]})
        other.update({**row, f"new {i}": 1.0, "text": "anything"})
    assert one.__getstate__()["saved_state"] == other.__getstate__()["saved_state"]
    assert abs(len(pickle.dumps(one)) - len(pickle.dumps(other))) < 100


def test_new_names_are_rejected_without_features():
    face = DriftDetector("newma")
    face.update({"a": 1.0, "b": 2.0})
    before = pickle.dumps(face)
    with pytest.raises(DataError, match=r"stay those of the first row, got also \['c'\]"):
        face.update({"a": 1.0, "b": 2.0, "c": 1.0})
    with pytest.raises(DataError, match=r"got none for \['a'\]"):
        face.update({"b": 2.0})
    with pytest.raises(DataError, match=r"must be a dictionary of 2 features, got 3.0"):
        face.update(3.0)
    assert pickle.dumps(face) == before


def test_a_rejected_first_row_does_not_change_the_state():
    face = DriftDetector("newma")
    for wrong in ({}, {"a": None}, {"a": "1.5"}, float("inf")):
        with pytest.raises(DataError):
            face.update(wrong)
    face.update({"other": 1.0})


@pytest.mark.parametrize("lack", [{}, {"b": None}, {"b": float("nan")}])
def test_hold_repeats_the_last_value(lack):
    held, filled = (DriftDetector("multiscale_newma", window=16, missing="ffill") for _ in range(2))
    last = 0.0
    for i, (a, b) in enumerate(np.random.default_rng(1).normal(size=(120, 2)).tolist()):
        gap = i % 5 == 3
        held.update({"a": a} | lack if gap else {"a": a, "b": b})
        last = last if gap else b
        filled.update({"a": a, "b": last})
        assert held.statistic == pytest.approx(filled.statistic, nan_ok=True)


def test_hold_waits_until_each_feature_had_a_value():
    late, plain = (
        DriftDetector("multiscale_newma", window=16, missing="ffill", features=["a", "b"])
        for _ in range(2)
    )
    late.update({"a": 1.0})
    late.update({"a": 2.0, "b": 3.0})
    assert np.isfinite(late.statistic)
    plain.update({"a": 2.0, "b": 3.0})
    assert late._operator.state.keys() == plain._operator.state.keys()


def test_drop_skips_the_row():
    dropped, plain = (
        DriftDetector("multiscale_newma", window=16, missing="drop") for _ in range(2)
    )
    for i, (a, b) in enumerate(np.random.default_rng(1).normal(size=(200, 2)).tolist()):
        if i % 3 == 2:
            dropped.update({"a": a})
            assert not dropped.drift_detected
        else:
            dropped.update({"a": a, "b": b})
            plain.update({"a": a, "b": b})
    assert dropped.statistic == plain.statistic


def test_event_times_count_dropped_updates():
    face = DriftDetector("newma", window=10, missing="drop")
    rows = drifting_rows(3600)
    for i, row in enumerate(rows):
        face.update(row if i % 2 else row | {"a": None})
        if face.drift_detected:
            break
    assert face.event.alarm_time == i
    assert 2350 <= face.event.change_time <= 2450


def test_warning_comes_before_the_drift_and_not_with_it():
    face, warned, drifted = DriftDetector("newma", window=50, warning=0.8), [], []
    values = np.random.default_rng(0).normal(size=2500)
    values[2000:] += 1.0
    for i, x in enumerate(values.tolist()):
        face.update(x)
        warned += [i] * face.warning_detected
        drifted += [i] * face.drift_detected
    assert len(drifted) == 1
    assert drifted[0] not in warned
    assert any(2000 <= i < drifted[0] for i in warned)


def test_a_pickle_of_a_later_version_is_rejected():
    saved = DriftDetector("newma").__getstate__() | {"saved_version": 99}
    with pytest.raises(StateError, match="must have version 1 at most, got 99"):
        DriftDetector.__new__(DriftDetector).__setstate__(saved)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"detector": "nwma"}, "did you mean newma"),
        ({"detector": 3}, "must be a name or an operator"),
        ({"wind": 3}, "parameters must be those of 'newma'"),
        ({"detector": NEWMA(), "window": 3}, "must be empty for a detector instance"),
        ({"missing": "fill"}, "missing must be"),
        ({"warning": 0}, "warning must be in"),
        ({"features": "ab"}, "list of names"),
        ({"features": []}, "list of names"),
        ({"features": ["a", "a"]}, "different names"),
    ],
)
def test_invalid_parameters_are_reported(arguments, message):
    with pytest.raises(ParameterError, match=message):
        DriftDetector(**arguments)


def flipped(n=3200, at=1800):
    """Two features, and a label that turns round."""
    for i, (a, b) in enumerate(np.random.default_rng(0).normal(size=(n, 2)).tolist()):
        yield {"a": a, "b": b}, bool((a + b > 0) != (i >= at))


NARROW = {"detector": "newma", "window": 30, "arl": 2000.0, "n_components": 64}
WRAPPERS = {
    "retraining": lambda: drift.DriftRetrainingClassifier(
        naive_bayes.GaussianNB(), DriftDetector(**NARROW)
    ),
    "retraining at once": lambda: drift.DriftRetrainingClassifier(
        linear_model.LogisticRegression(), DriftDetector(**NARROW), train_in_background=False
    ),
    "forest": lambda: forest.ARFClassifier(
        n_models=2,
        seed=0,
        drift_detector=DriftDetector(**NARROW),
        warning_detector=DriftDetector(**NARROW | {"arl": 500.0}),
    ),
    "tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(
        seed=0, drift_detector=DriftDetector(**NARROW)
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_of_river_accept_it(name):
    model = WRAPPERS[name]()
    late = metrics.Accuracy()
    for i, (x, y) in enumerate(flipped()):
        guess = model.predict_one(x)
        if i > 2400 and guess is not None:
            late.update(y, guess)
        model.learn_one(x, y)
    # Who has not noticed the turn is wrong more often than right.
    assert late.get() > 0.7
    model.clone()
