"""A map as a river transformer: river's own checks, names in any order, names that come and go."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.checks import yield_checks

from streamlyt.core.errors import DataError, ParameterError
from streamlyt.features import FourierMap, OpticalMap
from streamlyt.integrations.river import Transformer
from tests._public_api import ROOT

MODELS = [Transformer(OpticalMap(20)), Transformer(FourierMap(20), max_features=200)]
CHECKS = [(model, check) for model in MODELS for check in yield_checks(model)]


def name(value):
    return getattr(value, "__name__", type(value).__name__)


@pytest.mark.parametrize(("model", "check"), CHECKS, ids=name)
def test_transformer_passes_the_checks_of_river(model, check):
    check(model.clone())


def test_features_match_the_map():
    model = Transformer(OpticalMap(50, seed=2), max_features=4)
    model.learn_one({"b": 1.0, "a": 2.0})
    model.learn_one({"c": 0.0})
    found = model.transform_one({"c": 3.0, "a": 2.0, "b": 1.0})
    expected = OpticalMap(50, seed=2)(np.array([[2.0, 1.0, 3.0, 0.0]]))[0]
    assert list(found) == [f"optical{j}" for j in range(50)]
    assert list(found.values()) == expected.tolist()


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 5)), max_size=6))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_order_of_the_names_does_not_matter(rows):
    one, other = Transformer(OpticalMap(10), 8), Transformer(OpticalMap(10), 8)
    for row in rows:
        turned = dict(reversed(row.items()))
        assert one.transform_one(row) == other.transform_one(turned)
        one.learn_one(row)
        other.learn_one(turned)
        assert one.transform_one(row) == other.transform_one(turned)


def test_an_absent_name_counts_as_zero():
    model = Transformer(OpticalMap(30))
    model.learn_one({"a": 1.0, "b": 2.0, 3: 1})
    assert model.transform_one({"b": 2.0}) == model.transform_one({"b": 2, "a": 0.0, 3: False})
    assert model.transform_one({}) == model.transform_one({"never met": 0.0})


def test_transforming_learns_nothing():
    model = Transformer(OpticalMap(30))
    before = pickle.dumps(model)
    first = model.transform_one({"z": 1.0})
    assert pickle.dumps(model) == before
    model.learn_one({"a": 0.0, "z": 0.0})
    assert model.transform_one({"z": 1.0}) != first


def test_number_of_names_is_bounded():
    model = Transformer(OpticalMap(30), max_features=2)
    model.learn_one({"a": 1.0})
    for call in (model.learn_one, model.transform_one):
        with pytest.raises(DataError, match="at most 2 different names in total, got 3"):
            call({"b": 1.0, "c": 1.0})
    assert model.transform_one({"b": 1.0})


def test_a_pickle_resumes_with_the_same_columns():
    model = Transformer(OpticalMap(30))
    model.learn_one({"b": 1.0})
    model.learn_one({"a": 1.0})
    reference = pickle.loads(pickle.dumps(model))
    assert reference.transform_one({"a": 0.5}) == model.transform_one({"a": 0.5})
    fresh = model.clone()
    assert fresh.transform_one({"a": 0.5, "b": 0.0}) != model.transform_one({"a": 0.5, "b": 0.0})


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None, "1.5", 1j, [1]])
def test_non_numbers_are_rejected_by_name(wrong):
    with pytest.raises(DataError, match=r"values must be finite numbers, got .* for 'level'"):
        Transformer(OpticalMap(30)).transform_one({"level": wrong})


def test_invalid_parameters_are_reported():
    with pytest.raises(ParameterError, match="features must be a map"):
        Transformer(30)
    for wrong in (0, 2.5, True):
        with pytest.raises(ParameterError, match="max_features must be an integer of at least 1"):
            Transformer(OpticalMap(30), max_features=wrong)


def test_without_river_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['river'] = None; "
        "from streamlyt.integrations.river import Transformer"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "MissingDependencyError: river is needed here" in done.stderr
    assert "'streamlyt[river]'" in done.stderr
