"""Scores of the inputs, and the basis functions added to the random features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.features import OpticalMap
from streamlyt.models._experts.basis_expansion import BasisExpansion, with_kernel_width
from streamlyt.models._scaling.quantile_scaler import (
    KNOTS,
    fit_quantiles,
    fraction_outside,
    to_scores,
)
from tests.models.naive import scores

VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9), st.just(float("nan")))


@given(st.lists(VALUES, min_size=1, max_size=KNOTS), st.lists(VALUES, min_size=1, max_size=5))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_scores_match_the_reference(known, probes):
    column = np.array(known)
    real = np.unique(column[~np.isnan(column)])
    if real.size and (np.diff(real) <= 2e-12 * np.ptp(real)).any():
        return  # values that differ in their last bits count as one
    result = to_scores(fit_quantiles(column[:, None]), np.array(probes)[:, None])[:, 0]
    if not real.size:
        column = np.zeros(1)
    expected = [scores(column, value) for value in probes]
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def test_heavy_tails_become_normal():
    rows = np.random.default_rng(0).standard_cauchy(size=(4000, 1))
    result = to_scores(fit_quantiles(rows[:256]), rows)
    assert abs(result.mean()) < 0.1
    assert 0.8 < result.std() < 1.3
    assert np.abs(result).max() < 10


def test_uniform_values_stay_linear_and_distant_clusters_do_not():
    rng = np.random.default_rng(0)
    rows = rng.random(size=(256, 1))
    result = to_scores(fit_quantiles(rows), rows)
    np.testing.assert_allclose(result, (rows - rows.mean()) / rows.std(), atol=0.02)
    rows[::2] += 1e6
    result = to_scores(fit_quantiles(rows), rows)
    assert np.ptp(result[::2]) > 1
    assert np.ptp(result[1::2]) > 1


def test_a_binary_column_keeps_its_two_values():
    rows = (np.random.default_rng(0).random(size=(200, 1)) < 0.1).astype(float)
    assert len(np.unique(to_scores(fit_quantiles(rows), rows))) == 2


def test_rows_beyond_the_quantiles_are_counted():
    memory = fit_quantiles(np.arange(10.0)[:, None])
    assert fraction_outside(memory, np.array([[-1.0], [5.0], [20.0], [np.nan]])).tolist() == [0.5]


@pytest.mark.parametrize(("d", "hinges"), [(1, 5), (10, 5), (16, 3), (32, 2), (50, 1), (64, 1)])
def test_basis_has_constant_linear_terms_hinges_and_features(d, hinges):
    features = OpticalMap(64 if d > 32 else 96, dtype="float64")
    per_input = features.n_components // d
    hinges = max(b for b in (0, 1, 2, 3, 5) if b <= per_input)
    rows = np.random.default_rng(0).normal(size=(4, d))
    basis = BasisExpansion(features, 1.5, d)
    result = basis(rows)
    assert result.shape[1] == basis.width == 1 + d * (1 + hinges) + features.n_components
    np.testing.assert_array_equal(result[:, 0], 1)
    np.testing.assert_allclose(result[:, 1 : 1 + d], rows / np.sqrt(d))
    middle = {1: [0.0], 2: [-0.6, 0.6], 3: [-1, 0, 1], 5: [-1.2, -0.6, 0, 0.6, 1.2]}[hinges]
    bent = [np.abs(rows - b) - abs(b) for b in middle]
    expected = 2 * np.concatenate(bent, axis=1) / np.sqrt(d * hinges)
    np.testing.assert_allclose(result[:, 1 + d : 1 + d + d * hinges], expected)
    own = with_kernel_width(features, 1.5, d)(rows)
    np.testing.assert_array_equal(result[:, 1 + d * (1 + hinges) :], own)


def test_with_more_inputs_than_features_only_a_constant_is_added():
    features = OpticalMap(64, dtype="float64")
    rows = np.random.default_rng(0).normal(size=(3, 65))
    basis = BasisExpansion(features, 1.0, 65)
    assert basis(rows).shape[1] == basis.width == 65
