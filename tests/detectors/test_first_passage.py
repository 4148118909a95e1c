import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from streamlyt.detectors._null_model.feature_moments import FeatureMoments
from streamlyt.detectors._null_model.first_passage import (
    _pearson_quantile,
    siegmund,
    standard_level,
    threshold_of_arl,
)
from streamlyt.detectors._null_model.forgetting_factors import (
    decorrelation,
    forgetting_factors,
    power_sum,
)
from tests._arrays import assert_all


@pytest.mark.parametrize(("window", "freedom"), [(10, 4), (20, 16)])
def test_level_has_the_target_run_length_in_a_simulation(window, freedom):
    fast, slow = forgetting_factors(window)
    noise = np.random.default_rng(1).normal(size=(400_000, freedom))
    quick = lfilter([fast], [1, fast - 1], noise, axis=0)
    gap = quick - lfilter([slow], [1, slow - 1], noise, axis=0)
    square = (gap[5000:] ** 2).sum(axis=1) / power_sum(fast, slow, 2)
    step, skew = decorrelation(fast, slow), (8 / freedom) ** 0.5
    for arl in (100.0, 1000.0):
        level = float(standard_level(arl, step, skew, 1.5 * skew**2))
        above = np.flatnonzero(square > freedom + (2 * freedom) ** 0.5 * level)
        # Mean time from each row to the next crossing.
        gaps = np.diff(above, prepend=-1).astype(float)
        passage = (gaps * (gaps + 1) / 2).sum() / square.size
        assert passage == pytest.approx(arl, rel=0.15)


def test_level_matches_the_clumping_formula_for_long_runs():
    fast, slow = forgetting_factors(50)
    r, freedom = float(decorrelation(fast, slow)), 8.0
    skew = (8 / freedom) ** 0.5
    level = float(standard_level(1e6, r, skew, 1.5 * skew**2))
    h = freedom + (2 * freedom) ** 0.5 * level
    share = siegmund(2 * (r * (h - freedom) ** 2 / (2 * h)) ** 0.5)
    rate = stats.chi2.pdf(h, freedom) * 2 * r * (h - freedom) * share
    assert 1 / rate == pytest.approx(1e6, rel=0.06)


def test_level_rises_with_the_run_length_and_is_finite_at_the_corners():
    levels = standard_level(np.geomspace(100, 1e9, 30), 0.04, 0.7, 0.8)
    np.testing.assert_array_less(0, np.diff(levels))
    for step in (1e-9, 1.0):
        for skew, kurtosis in ((0.0, 0.0), (0.0, -1.0), (5.0, 60.0)):
            assert_all(np.isfinite, standard_level(np.array([100.0, 1e9]), step, skew, kurtosis))


def test_overshoot_matches_siegmunds_constant():
    assert siegmund(0.2) == pytest.approx(np.exp(-0.583 * 0.2), rel=0.01)
    assert siegmund(0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("chance", [1e-2, 1e-4, 1e-6])
def test_quantile_matches_both_pearson_types(chance):
    gamma = stats.gamma(3.0)
    skew, kurtosis = (float(k) for k in gamma.stats("sk"))
    ours = _pearson_quantile(np.array(chance), np.array(skew), np.array(kurtosis))
    assert ours == pytest.approx((gamma.isf(chance) - gamma.mean()) / gamma.std(), rel=1e-9)
    prime = stats.betaprime(4.0, 12.0)
    skew, kurtosis = (float(k) for k in prime.stats("sk"))
    ours = _pearson_quantile(np.array(chance), np.array(skew), np.array(kurtosis))
    assert ours == pytest.approx((prime.isf(chance) - prime.mean()) / prime.std(), rel=1e-6)


def test_threshold_converges_after_the_start():
    fast, slow = forgetting_factors(50)
    moments = FeatureMoments(0.5, 0.02, 0.002, 0.0002)
    t = np.array([10.0, 50.0, 500.0, 1e5])
    levels = threshold_of_arl(1e4, fast, slow, moments, t)
    np.testing.assert_array_less(0, np.diff(levels))
    assert levels[-1] == pytest.approx(float(threshold_of_arl(1e4, fast, slow, moments)), rel=1e-12)
    # The averages overlap almost completely at first: a property of the window alone.
    shares = power_sum(fast, slow, 2, t) / power_sum(fast, slow, 2)
    assert shares[:2] == pytest.approx([0.07, 0.35], abs=0.01)


def test_constant_features_have_level_zero():
    factors = forgetting_factors(20)
    assert threshold_of_arl(1e3, *factors, FeatureMoments(0.0, 0.0, 0.0, 0.0)) == 0.0
