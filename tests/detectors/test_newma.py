from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from streamlyt.core import Batch, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.detectors import NEWMA
from streamlyt.detectors._common.input_scaling import apply_scaling, learn_scale
from streamlyt.detectors._null_model.feature_moments import FeatureMomentEstimator
from streamlyt.detectors._null_model.first_passage import threshold_of_arl
from streamlyt.detectors._null_model.forgetting_factors import forgetting_factors
from streamlyt.features import FourierMap, OpticalMap
from streamlyt.operator_checks import check_operator
from tests._arrays import assert_all, assert_same_bits
from tests.detectors import naive

KINDS = [{}, {"null_model": "adaptive"}, {"features": "fourier"}]


def batch(values):
    names = [f"c{i}" for i in range(values.shape[1])]
    return Batch("a", np.arange(len(values)), values, Schema.of(*names))


def noise(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def events_of(values, **parameters):
    return NEWMA(**{"window": 20, "arl": 1e6, **parameters}).update(batch(values))[1]


@pytest.mark.parametrize(("dtype", "error"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("window", [5, 50])
def test_statistic_matches_the_published_recursion(window, dtype, error):
    rows = noise(600)
    features = FourierMap(130, dtype=dtype)
    statistic, _ = NEWMA(window, features=features).score(rows)
    scaled = features(apply_scaling(rows, *learn_scale(rows[:100])))
    expected = naive.newma(scaled.astype(np.float64), *forgetting_factors(window))
    np.testing.assert_array_equal(statistic[:100], 0)
    assert np.allclose(statistic[100:], expected[100:], rtol=error, atol=0)


@pytest.mark.parametrize("quantile", [0.8, 0.95])
def test_adaptive_threshold_matches_the_paper_and_freezes_above(quantile):
    rows = noise(1200)
    rows[600:] += 1.5
    features = FourierMap(64, dtype="float64")
    detector = NEWMA(20, null_model="adaptive", features=features, threshold_quantile=quantile)
    statistic, threshold = detector.score(rows)
    scaled = features(apply_scaling(rows, *learn_scale(rows[:100])))
    fast, slow = forgetting_factors(20)
    expected = naive.adaptive(
        naive.newma(scaled, fast, slow), slow, float(ndtri(quantile)), detector.warmup_rows
    )
    above = statistic[100:] > threshold[100:]
    assert above.any()
    assert np.allclose(threshold[100:], expected[100:], rtol=1e-9)
    frozen = threshold[101:][above[:-1]] == threshold[100:-1][above[:-1]]
    assert frozen.all()


@pytest.mark.parametrize("parameters", [*KINDS, {"window": 3}, {"features": OpticalMap(64)}])
@pytest.mark.parametrize("n", [600, 2400])
def test_operator_contract_holds(parameters, n):
    check_operator(NEWMA(**{"window": 20, **parameters}), example_batch(n))


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=15)
@given(cuts=st.lists(st.integers(0, 2600), max_size=8), kind=st.sampled_from(KINDS))
def test_results_are_invariant_to_batch_boundaries_and_restarts(cuts, kind):
    rows = noise(2600)
    rows[1500:] *= 2  # an alarm, and a new reference
    full = np.stack(NEWMA(20, **kind).score(rows))
    parts, one = [], NEWMA(20, **kind)
    for start, stop in pairwise([0, *sorted(cuts), 2600]):
        parts.append(one.score(rows[start:stop]))
        saved, one = pack(one.state), NEWMA(20, **kind)
        one.state = unpack(saved)
    joined = np.concatenate([np.stack(part) for part in parts], axis=1)
    assert_same_bits(joined, full)


@pytest.mark.parametrize("kind", KINDS)
def test_threshold_is_finite_after_warmup_rows(kind):
    for window in (20, 60, 200):
        detector = NEWMA(window, **kind)
        _, threshold = detector.score(noise(detector.warmup_rows + 10))
        assert np.isfinite(threshold).tolist() == [False] * detector.warmup_rows + [True] * 10


def test_warm_up_of_the_adaptive_threshold_is_four_windows_and_the_rows_of_the_scale():
    lengths = [NEWMA(window, null_model="adaptive").warmup_rows for window in (10, 25, 26, 200)]
    assert lengths == [100, 100, 104, 800]


def test_state_is_small_after_the_reference():
    detector = NEWMA(20)
    detector.score(noise(500))
    while_learning = sum(array.nbytes for array in detector.state.values())
    detector.score(noise(1000))
    assert sum(array.nbytes for array in detector.state.values()) < while_learning / 4


LOUD = np.array([0.0, 0.0, 4.0, 0.0, 0.0])


@pytest.mark.parametrize("features", ["optical", "fourier"])
@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (lambda x: x + 2, set("01234")),
        (lambda x: x + LOUD, {"2"}),
        (lambda x: 3 * x, set("01234")),
        (lambda x: 10 * x, set("01234")),
    ],
)
def test_a_change_is_one_event_within_two_windows_and_localized(change, moved, features):
    for seed in range(5):
        rows = noise(4500, seed=seed)
        rows[2000:] = change(rows[2000:])
        (event,) = events_of(rows, window=50, features=features, seed=seed)
        assert 0 <= event.alarm_index - 2000 <= 100
        assert abs(event.change_index - 2000) <= 12
        assert event.channels[0][1:] in moved
        assert len(moved) > 1 or event.contributions[0] > 0.8


def test_a_shrinking_spread_is_detected_with_the_optical_map():
    rows = noise(3500)
    rows[2500:] *= 0.3
    (event,) = events_of(rows, window=50)
    assert 0 <= event.alarm_index - 2500 <= 100
    assert abs(event.change_index - 2500) <= 20


def test_successive_changes_are_separate_events():
    rows = noise(6000)
    rows[2000:2300] += 3
    rows[4000:] *= 3
    found = [event.change_index for event in events_of(rows)]
    assert np.allclose(found, [2000, 2300, 4000], atol=20)


def test_threshold_after_a_change_fits_the_new_distribution():
    rows = noise(8000)
    rows[2000:] *= 4
    _, threshold = NEWMA(20).score(rows)
    _, fresh = NEWMA(20).score(rows[2000:])
    assert threshold[1999] < 0.95 * threshold[-1]
    assert threshold[-1] != fresh[-1]  # the scale is still that of the first rows


def test_mean_run_length_matches_the_target():
    # Exponential run lengths: 240 runs have a standard error of 6.5 %.
    arl, runs = 1000.0, []
    for seed in range(240):
        rng = np.random.default_rng(seed)
        detector = NEWMA(20, arl=arl, n_components=64, seed=seed)
        detector.score(rng.laplace(size=(detector.warmup_rows, 5)))
        rows = 0
        while rows < 8000:
            statistic, threshold = detector.score(rng.laplace(size=(500, 5)))
            above = np.flatnonzero(statistic > threshold)
            if above.size:
                rows += int(above[0]) + 1
                break
            rows += 500
        runs.append(rows)
    assert np.mean(runs) == pytest.approx(arl, rel=0.25)


def test_constant_rows_never_alarm_and_the_first_different_row_does():
    for kind in KINDS:
        rows = np.full((1500, 3), 0.1)
        statistic, threshold = NEWMA(20, **kind).score(rows)
        assert not (statistic > threshold).any()
        rows[1400:] = 0.2
        statistic, threshold = NEWMA(20, **kind).score(rows)
        assert statistic[1400] > threshold[1400]


def test_a_far_row_is_pulled_in_to_a_hundred_widths_alone_and_among_others():
    rows = noise(40)
    rows[7, 1] = 1e9
    scale = learn_scale(noise(100, seed=1))
    together = apply_scaling(rows, *scale)
    assert_same_bits(
        np.vstack([apply_scaling(rows[i : i + 1], *scale) for i in range(40)]), together
    )
    lengths = np.linalg.norm(together, axis=1)
    assert lengths[7] == pytest.approx(100.0)
    assert np.delete(lengths, 7).max() < 10


@pytest.mark.parametrize("d", [1, 3])
def test_binary_rows_are_accepted(d):
    rows = (np.random.default_rng(0).random((4000, d)) < 0.2).astype(float)
    rows[3000:] = 1 - rows[3000:]
    (event,) = events_of(rows)
    assert 3000 <= event.alarm_index < 3060


def test_a_constant_channel_has_no_effect():
    rows = noise(2500)
    still = np.column_stack([rows, np.full(2500, 1e6 + 0.1)])
    still[2000:, 0] += 5
    (event,) = events_of(still)
    assert event.channels[0] == "c0"


@pytest.mark.parametrize("size", [1e-300, 1e12, 1e300])
def test_statistic_is_invariant_to_the_unit(size):
    rows = noise(2500)
    rows[2000:] += 2
    plain, _ = NEWMA(20).score(rows)
    statistic, _ = NEWMA(20).score(rows * size)
    assert np.allclose(statistic, plain, rtol=1e-3, atol=1e-6)


def test_statistic_is_finite_for_any_values():
    usual = noise(3000)
    rows = usual.copy()
    rows[[50, 1500, 1501], 0] = [1e308, -1e308, 1e308]
    for kind in KINDS:
        statistic, threshold = NEWMA(20, **kind).score(rows)
        assert_all(np.isfinite, statistic)
        assert not np.isnan(threshold).any()
        # An outlier has no effect: the adaptive threshold is crossed as often as without.
        plain = np.greater(*NEWMA(20, **kind).score(usual))[-1000:].mean()
        assert (statistic > threshold)[-1000:].mean() == pytest.approx(plain, abs=0.1)


def test_a_missing_value_is_rejected():
    rows = noise(200)
    rows[150, 2] = np.nan
    with pytest.raises(DataError, match="must be finite, got nan in channel 'c2'"):
        NEWMA().update(batch(rows))


def test_each_reference_consists_of_the_rows_after_its_alarm_only():
    rows = noise(6000)
    rows[2000:2300] += 3
    detector = NEWMA(20)
    statistic, threshold = detector.score(rows)
    # The change back alarms during the second reference, so that the third starts there.
    starts = np.flatnonzero(np.diff(statistic > threshold, prepend=False) & (statistic > threshold))
    last = int(starts[starts < 2400][-1]) + 1
    reference = detector.warmup_rows
    scaled = apply_scaling(rows[last : last + reference], *learn_scale(rows[:100]))
    estimator, state = FeatureMomentEstimator(reference), {}
    estimator.start(state)
    estimator.add(detector._map(scaled), state)
    moments = estimator.read(state)
    fast, slow = forgetting_factors(20)
    expected = np.sqrt(threshold_of_arl(1e4, fast, slow, moments, np.array([np.inf])))
    assert not (statistic > threshold)[last + 100 :].any()
    np.testing.assert_allclose(threshold[-1], expected[0], rtol=1e-3)
    # 300 of the rows before, with another mean, give another threshold: the comparison can fail.
    mixed = apply_scaling(rows[last - 300 : last - 300 + reference], *learn_scale(rows[:100]))
    estimator.start(state)
    estimator.add(detector._map(mixed), state)
    other = threshold_of_arl(1e4, fast, slow, estimator.read(state), np.array([np.inf]))
    assert abs(np.sqrt(other[0]) / expected[0] - 1) > 0.01


def test_persistence_is_the_rows_above_the_threshold_before_an_event():
    rows = noise(4000)
    rows[2000:] += 2
    (event,) = events_of(rows)
    (later,) = events_of(rows, min_consecutive=7)
    assert later.alarm_index == event.alarm_index + 6  # the statistic stays above


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 1}, "window must be from 2 to 100000 rows, got 1"),
        ({"arl": 10}, "arl must be from 100 and the window"),
        ({"window": 500, "arl": 400}, r"the window \(500 rows\) to 1e9 rows, got 400"),
        ({"null_model": "normal"}, "null_model must be 'iid' or 'adaptive', got 'normal'"),
        ({"threshold_quantile": 0.4}, r"threshold_quantile must be in \(0.5, 1\), got 0.4"),
        ({"features": "cosine"}, "features must be 'optical', 'fourier' or a"),
        ({"n_components": 7}, "n_components must be even"),
        (
            {"features": OpticalMap(10), "n_components": 10},
            "n_components must be None with a feature map",
        ),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_parameters_out_of_range_are_rejected(wrong, message):
    with pytest.raises(ParameterError, match=message):
        NEWMA(**wrong)
