"""Inputs on the scores of their quantiles, and what stands beside the random features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.features import OpticalMap
from streamlyt.models._experts.basis_expansion import BasisExpansion, with_kernel_width
from streamlyt.models._scaling.quantile_scaler import KNOTS, fit_quantiles, outside, scaled
from tests.models.naive import scores

VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9), st.just(float("nan")))


@given(st.lists(VALUES, min_size=1, max_size=KNOTS), st.lists(VALUES, min_size=1, max_size=5))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_scores_are_those_of_the_twin(known, probes):
    column = np.array(known)
    real = np.unique(column[~np.isnan(column)])
    if real.size and (np.diff(real) <= 2e-12 * np.ptp(real)).any():
        return  # values that differ in their last bits are one
    found = scaled(fit_quantiles(column[:, None]), np.array(probes)[:, None])[:, 0]
    if not real.size:
        column = np.zeros(1)
    expected = [scores(column, value) for value in probes]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_heavy_tails_come_out_normal():
    rows = np.random.default_rng(0).standard_cauchy(size=(4000, 1))
    found = scaled(fit_quantiles(rows[:256]), rows)
    assert abs(found.mean()) < 0.1
    assert 0.8 < found.std() < 1.3
    assert np.abs(found).max() < 10


def test_a_uniform_law_stays_straight_and_clusters_far_apart_do_not():
    rng = np.random.default_rng(0)
    rows = rng.random(size=(256, 1))
    found = scaled(fit_quantiles(rows), rows)
    np.testing.assert_allclose(found, (rows - rows.mean()) / rows.std(), atol=0.02)
    rows[::2] += 1e6
    found = scaled(fit_quantiles(rows), rows)
    assert np.ptp(found[::2]) > 1
    assert np.ptp(found[1::2]) > 1


def test_a_binary_column_keeps_its_two_values():
    rows = (np.random.default_rng(0).random(size=(200, 1)) < 0.1).astype(float)
    assert len(np.unique(scaled(fit_quantiles(rows), rows))) == 2


def test_rows_beyond_the_quantiles_are_counted():
    memory = fit_quantiles(np.arange(10.0)[:, None])
    assert outside(memory, np.array([[-1.0], [5.0], [20.0], [np.nan]])).tolist() == [0.5]


@pytest.mark.parametrize(("d", "bends"), [(1, 5), (10, 5), (16, 3), (32, 2), (50, 1), (64, 1)])
def test_design_has_a_constant_lines_bends_and_features(d, bends):
    features = OpticalMap(64 if d > 32 else 96, dtype="float64")
    room = features.n_components // d
    bends = max(b for b in (0, 1, 2, 3, 5) if b <= room)
    rows = np.random.default_rng(0).normal(size=(4, d))
    design = BasisExpansion(features, 1.5, d)
    found = design(rows)
    assert found.shape[1] == design.width == 1 + d * (1 + bends) + features.n_components
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_allclose(found[:, 1 : 1 + d], rows / np.sqrt(d))
    middle = {1: [0.0], 2: [-0.6, 0.6], 3: [-1, 0, 1], 5: [-1.2, -0.6, 0, 0.6, 1.2]}[bends]
    bent = [np.abs(rows - b) - abs(b) for b in middle]
    expected = 2 * np.concatenate(bent, axis=1) / np.sqrt(d * bends)
    np.testing.assert_allclose(found[:, 1 + d : 1 + d + d * bends], expected)
    own = with_kernel_width(features, 1.5, d)(rows)
    np.testing.assert_array_equal(found[:, 1 + d * (1 + bends) :], own)


def test_more_inputs_than_features_leave_the_features_alone():
    features = OpticalMap(64, dtype="float64")
    rows = np.random.default_rng(0).normal(size=(3, 65))
    design = BasisExpansion(features, 1.0, 65)
    assert design(rows).shape[1] == design.width == 65
