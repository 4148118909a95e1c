"""Window detectors: statistic, null moments, contract."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.detectors import ReferenceMMD, ScanB, SlicedWasserstein, SlidingMMD
from streamlyt.detectors._common.block_detector import block_cumulants, block_form, block_step
from streamlyt.detectors._common.input_scaling import apply_scaling, learn_scale
from streamlyt.detectors._null_model.feature_moments import FeatureMoments
from streamlyt.detectors.sliced_wasserstein import FLATTEST, _directions, _levels
from streamlyt.features import FourierMap
from streamlyt.operator_checks import check_operator
from tests._arrays import assert_all, assert_same_bits
from tests.detectors import naive_windows as naive

EVERY = [SlidingMMD, ScanB, ReferenceMMD, SlicedWasserstein]
BLOCKS = [(SlidingMMD, {}, 1), (ScanB, {}, 3), (ScanB, {"n_blocks": 2}, 2)]
EXACT = FourierMap(64, dtype="float64")


def noise(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def batch(values):
    names = [f"c{i}" for i in range(values.shape[1])]
    return Batch("a", np.arange(len(values)), values, Schema.of(*names))


def scaled(rows):
    return apply_scaling(rows, *learn_scale(rows[:100]))


@pytest.mark.parametrize(("detector", "more", "others"), BLOCKS)
@pytest.mark.parametrize("window", [3, 40])
def test_block_statistic_matches_the_naive_implementation(detector, more, others, window):
    rows = noise(700)
    rows[400:] += 1
    statistic, _ = detector(window, features=EXACT, **more).score(rows)
    expected = naive.blocks(EXACT(scaled(rows)), window, others)
    np.testing.assert_array_equal(statistic[:100], 0)
    assert np.allclose(statistic[100:], expected[100:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("window", [3, 40])
def test_reference_mmd_statistic_matches_the_naive_implementation(window):
    rows = noise(500)
    statistic, threshold = ReferenceMMD(window, reference_rows=192, arl=1e9, features=EXACT).score(
        rows
    )
    expected = naive.last_against(EXACT(scaled(rows)), window, 192)
    assert_all(np.isinf, threshold[:192])
    assert_all(np.isfinite, threshold[192:])
    assert np.allclose(statistic, expected, rtol=1e-9)


def test_sliced_statistic_matches_the_naive_implementation():
    rows = noise(330, d=3)
    rows[200:, 0] += 1
    statistic, _ = SlicedWasserstein(30, n_projections=7, seed=4).score(rows)
    head = scaled(rows)[:100]
    expected = naive.sliced(scaled(rows), head, _directions(4, 7, 3), _levels(), FLATTEST, 30)
    assert np.allclose(statistic[100:], expected[100:], rtol=1e-5)


def test_sliced_statistic_approximates_the_wasserstein_distance_of_small_shifts():
    # Two windows of normal rows, one shifted by .2: quantiles along theta differ by .2 theta_1,
    # and the mean of theta_1 ^ 2 over the sphere is 1 / d. Inner quantiles only: a little less.
    rows = noise(8200, d=2)
    rows[4150:, 0] += 0.2
    detector = SlicedWasserstein(4000, n_projections=200)
    statistic, _ = detector.score(rows[:8150])
    _, factor = learn_scale(rows[:100])
    assert statistic[-1] == pytest.approx(0.2 * factor[0] / np.sqrt(2), rel=0.15)


@pytest.mark.parametrize(("window", "others"), [(2, 1), (7, 1), (5, 3), (11, 2)])
def test_null_moments_of_blocks_match_the_explicit_coefficients(window, others):
    K = naive.coefficients(window, others)
    C = np.diag([1.0, 0.5, 0.1])
    of = FeatureMoments(
        *(float(np.trace(np.linalg.matrix_power(C, k))) for k in (1, 2, 3, 4)), u2=0.3
    )
    mean, variance, third, fourth = block_cumulants(others, window, of)
    own = np.diagonal(K)
    assert mean == pytest.approx(np.trace(K) * of.trace)
    off = (K**2).sum() - (own**2).sum()
    assert variance == pytest.approx(2 * off * of.trace2 + (own**2).sum() * of.u2)
    assert third == pytest.approx(8 * np.trace(K @ K @ K) * of.trace3)
    assert fourth == pytest.approx(48 * np.trace(K @ K @ K @ K) * of.trace4)
    assert np.allclose(block_form(others).sum(axis=0), 0)
    later = naive.coefficients(window, others, shift=1)
    kept = (K * later).sum() / (K * K).sum()
    assert block_step(others, window) == pytest.approx(1 - np.sqrt(kept))


def test_step_of_two_windows_matches_the_explicit_weights():
    # Of 2 B rows, 2 B - 1 remain: 2 B - 2 on their side, and one changes its sign.
    assert block_step(1, 10) == pytest.approx(1 - 17 / 20)


@pytest.mark.parametrize("detector", EVERY)
def test_run_length_matches_the_target(detector):
    # Standard error of 40 runs: 16 %; of benchmarks/detection/bench_windows.py: 6 %.
    lengths = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        one = detector(20, arl=300, seed=seed)
        one.score(rng.normal(size=(one.warmup_rows, 5)))
        statistic, threshold = one.score(rng.normal(size=(3000, 5)))
        above = np.flatnonzero(statistic > threshold)
        lengths.append(above[0] + 1 if above.size else 3000)
    assert 200 < np.mean(lengths) < 450


@pytest.mark.parametrize("detector", EVERY)
@pytest.mark.parametrize("n", [600, 2400])
def test_operator_contract_holds(detector, n):
    check_operator(detector(20), example_batch(n))


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=12)
@given(st.lists(st.integers(0, 2600), max_size=8), st.sampled_from(EVERY))
def test_results_are_invariant_to_batch_boundaries_and_restarts(cuts, detector):
    rows = noise(2600)
    rows[1500:] *= 2  # an alarm, and a new reference
    full = np.stack(detector(20).score(rows))
    parts, one = [], detector(20)
    for start, stop in pairwise([0, *sorted(cuts), 2600]):
        parts.append(one.score(rows[start:stop]))
        saved, one = pack(one.state), detector(20)
        one.state = unpack(saved)
    joined = np.concatenate([np.stack(part) for part in parts], axis=1)
    assert_same_bits(joined, full)


@pytest.mark.parametrize("detector", EVERY)
def test_threshold_is_finite_after_warmup_rows(detector):
    for window in (20, 700) if detector is ReferenceMMD else (20, 300):
        one = detector(window, arl=1e5)
        _, threshold = one.score(noise(one.warmup_rows + 10))
        assert np.isfinite(threshold).tolist() == [False] * one.warmup_rows + [True] * 10


@pytest.mark.parametrize("detector", EVERY)
@pytest.mark.parametrize("change", ["mean", "spread"])
def test_each_change_is_one_event(detector, change):
    rows = noise(6000, d=4)
    if change == "mean":
        rows[2000:4000, :2] += 1.5
    else:
        rows[2000:4000] *= 3.0
    _, events = detector(60, arl=1e5).update(batch(rows))
    assert [at <= e.alarm_index < at + 60 for at, e in zip((2000, 4000), events, strict=True)]
    assert [abs(e.change_index - at) < 15 for at, e in zip((2000, 4000), events, strict=True)]


def test_a_weak_change_is_one_event_of_reference_mmd():
    rows = noise(4000, d=20)
    rows[1500:, :4] += 0.35  # crosses the level repeatedly
    _, events = ReferenceMMD(100, reference_rows=1024).update(batch(rows))
    assert len([event for event in events if 1500 <= event.alarm_index < 2600]) == 1


def test_reference_mmd_detects_a_slow_drift_that_sliding_windows_miss():
    rows = noise(8000, d=5)
    rows[2000:] += np.linspace(0, 1.5, 6000)[:, None]
    assert ReferenceMMD(50, arl=1e6).update(batch(rows))[1]
    assert not SlidingMMD(50, arl=1e6).update(batch(rows))[1]


@pytest.mark.parametrize("detector", EVERY)
def test_constant_rows_never_alarm_and_the_first_different_row_does(detector):
    rows = np.full((2000, 2), 1e6)
    _, events = detector(20).update(batch(rows))
    assert not events
    rows[1800:] += 1.0
    _, events = detector(20).update(batch(rows))
    assert [1800 <= event.alarm_index < 1821 for event in events] == [True]


@pytest.mark.parametrize("detector", EVERY)
def test_values_of_any_magnitude_are_accepted_and_missing_values_rejected(detector):
    rows = noise(1500, d=2) * [1e-200, 1e200]
    statistic, threshold = detector(20).score(rows)
    assert_all(np.isfinite, statistic)
    assert np.isfinite(threshold[-1])
    rows[3, 0] = np.nan
    with pytest.raises(DataError, match="values must be finite"):
        detector(20).update(batch(rows))


@pytest.mark.parametrize(("moved", "by"), [("mean", 1.5), ("spread", 3.0)])
def test_attribution_names_the_changed_channels(moved, by):
    right = 0
    for seed in range(10):
        rows = noise(1500, d=20, seed=seed)
        own = np.random.default_rng(seed).permutation(20)[:5]
        rows[1300:, own] = rows[1300:, own] + by if moved == "mean" else rows[1300:, own] * by
        _, events = SlicedWasserstein(50, n_projections=256, arl=1e5).update(batch(rows))
        right += len({f"c{i}" for i in own} & set(events[0].channels))
    assert right / 50 > 0.8


@pytest.mark.bits
def test_contributions_at_the_alarm_are_batch_invariant():
    rows = noise(1600, d=4)
    rows[1300:, 2] += 2
    _, full = SlicedWasserstein(40).update(batch(rows))
    one, events = SlicedWasserstein(40), []
    for start in range(0, 1600, 37):
        events += one.update(batch(rows).slice(start, start + 37))[1]
    assert repr(events) == repr(full)
    assert full[0].channels[0] == "c2"
    assert 0.9 < sum(full[0].contributions) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingMMD(1), "window must be from 2 to 10000 rows, got 1"),
        (lambda: ScanB(50, arl=20), "arl must be from 100 and the window"),
        (lambda: ScanB(n_blocks=0), "n_blocks must be from 1 to 100, got 0"),
        (lambda: ReferenceMMD(reference_rows=1000), "reference_rows must be a multiple of 32"),
        (lambda: ReferenceMMD(300, reference_rows=192), "reference_rows must be a multiple of 32"),
        (lambda: SlicedWasserstein(n_projections=0), "n_projections must be from 1 to 4096"),
        (lambda: ReferenceMMD(features=EXACT, n_components=64), "n_components must be None"),
        (lambda: SlidingMMD(features="sound"), "features must be 'optical'"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
