"""The maps as scikit-learn transformers: its own checks, and the same features as ours."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from streamlyt.core.errors import ParameterError
from streamlyt.features import FastfoodMap, FourierMap, OpticalMap
from streamlyt.integrations.sklearn import FastFoodFeatures, FourierFeatures, OpticalFeatures
from tests._arrays import assert_same_bits
from tests._public_api import ROOT

ROWS = np.random.default_rng(0).normal(size=(20, 7))
PAIRS = [
    (OpticalFeatures(60, response=2, random_state=5), OpticalMap(60, response=2, seed=5)),
    (FourierFeatures(60, scale=0.5, random_state=5), FourierMap(60, scale=0.5, seed=5)),
    (FastFoodFeatures(60, scale=0.5, random_state=5), FastfoodMap(60, scale=0.5, seed=5)),
]
each = pytest.mark.parametrize(("transformer", "features"), PAIRS)
CHECKED = [
    (transformer, check)
    for made in (OpticalFeatures(30), FourierFeatures(30), FastFoodFeatures(30))
    for transformer, check in estimator_checks_generator(made, legacy=True, mark="skip")
]


def name(value):
    message = getattr(value, "func", value)
    return getattr(message, "__name__", type(value).__name__)


@pytest.mark.parametrize(("transformer", "check"), CHECKED, ids=name)
def test_transformer_passes_the_checks_of_scikit_learn(transformer, check):
    check(transformer)


@each
def test_transformer_gives_the_features_of_the_map(transformer, features):
    single = clone(transformer).fit_transform(ROWS.astype(np.float32))
    assert single.dtype == np.float32
    assert_same_bits(single, features(ROWS.astype(np.float32)))
    double = clone(transformer).fit(ROWS)
    precise = type(features)(**{**features.get_params(), "dtype": "float64"})
    assert_same_bits(double.transform(ROWS), precise(ROWS))
    assert double.transform(ROWS.astype(np.float32)).dtype == np.float32
    assert_same_bits(double.map_.kernel(ROWS, ROWS), features.kernel(ROWS, ROWS))


@each
def test_sparse_rows_have_the_features_of_dense_ones(transformer, features):
    rows = np.where(ROWS > 0.5, ROWS, 0.0)
    fitted = clone(transformer).fit(sparse.csr_array(rows))
    np.testing.assert_allclose(fitted.transform(sparse.csr_array(rows)), fitted.transform(rows))


@each
def test_feature_names_are_reported(transformer, features):
    fitted = clone(transformer).fit(ROWS)
    names = fitted.get_feature_names_out()
    assert len(set(names)) == 60
    assert names[3] == f"{type(transformer).__name__.lower()}3"
    assert fitted.n_features_in_ == 7


def test_missing_values_and_other_widths_are_rejected_by_scikit_learn():
    fitted = OpticalFeatures(30).fit(ROWS)
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.transform(np.full((2, 7), np.nan))
    with pytest.raises(ValueError, match="expecting 7 features"):
        fitted.transform(ROWS[:, :5])


def test_parameters_are_checked_when_fitted():
    with pytest.raises(ParameterError, match="response must be a finite number above 0, got -1"):
        OpticalFeatures(response=-1).fit(ROWS)
    with pytest.raises(ParameterError, match="n_components must be an integer of at least 1"):
        FourierFeatures(0).fit(ROWS)


def test_an_odd_number_of_features_is_rounded_up():
    assert FourierFeatures(7).fit_transform(ROWS).shape == (20, 8)
    assert len(FastFoodFeatures(7).fit(ROWS).get_feature_names_out()) == 8


def test_a_random_state_draws_the_seed_once():
    drawn = [OpticalFeatures(random_state=np.random.RandomState(k)).fit(ROWS) for k in (0, 0, 1)]
    seeds = [transformer.map_.seed for transformer in drawn]
    assert seeds[0] == seeds[1] != seeds[2]
    assert_same_bits(drawn[0].transform(ROWS), drawn[0].transform(ROWS))
    assert OpticalFeatures(random_state=None).fit(ROWS).map_.seed >= 0


def test_a_pipeline_learns_nonlinear_classes():
    labels = (ROWS[:, :2] ** 2).sum(axis=1) > 1.5
    learner = make_pipeline(OpticalFeatures(500), RidgeClassifier(alpha=1e-3))
    assert learner.fit(ROWS, labels).score(ROWS, labels) == 1.0


def test_without_scikit_learn_the_error_names_the_extra():
    code = "import sys; sys.modules['sklearn'] = None; import streamlyt.integrations.sklearn"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "MissingDependencyError: sklearn is needed here" in done.stderr
    assert "'streamlyt[sklearn]'" in done.stderr
