"""The empirical null: its equations, its contract, and known changes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.features import FourierMap, OpticalMap
from streamlyt.operator_checks import check_operator
from tests._arrays import assert_all, assert_same_bits
from tests.detectors.naive_multiscale_newma import empirical_null

AR, EVENT = 0.9, 1800


def learned(window=None, **given):
    return MultiscaleNEWMA(window, null_model="empirical", **given)


def wandering(n=3600, d=2, seed=0, step=6.0):
    """Autoregressive rows of coefficient 0.9; their mean shifts at row EVENT."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n, d))
    for i in range(1, n):
        rows[i] = AR * rows[i - 1] + rng.normal(size=d)
    rows[EVENT:] += step
    return rows


def stream(rows, key=""):
    schema = Schema.of(*(f"x{j}" for j in range(rows.shape[1])))
    return Batch(key, np.arange(len(rows)), rows, schema)


@pytest.mark.parametrize(("window", "seed"), [(40, 0), (63, 1), (16, 2)])
def test_empirical_null_matches_its_definition_row_by_row(window, seed):
    rows = wandering(seed=seed)
    features = FourierMap(96, scale=0.2, seed=seed, dtype="float64")
    detector = learned(window, features=features, scale=1.0)
    statistic, threshold = detector.score(rows)
    windows = [max(4, round(window / 10 ** (k / 2))) for k in (2, 1, 0)]
    chosen = [*range(32), *range(48, 80)]  # cosines, and sines of the same phases
    evidence, height = empirical_null(features(rows), chosen, windows, arl=1e8)
    np.testing.assert_array_equal(threshold, height)
    np.testing.assert_allclose(statistic, evidence, rtol=1e-9, atol=1e-9)
    events = np.flatnonzero(statistic >= 1)
    assert events.size  # an event and the reset after it were both compared
    assert np.isinf(threshold[events[0] + 1 :]).any()


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.lists(st.integers(0, 1500), max_size=8), st.sampled_from([None, 0.3]))
def test_results_are_batch_invariant(cuts, scale):
    rows = wandering(1500)
    rows[900:] += 8
    full, found = learned(30, scale=scale).update(stream(rows))
    detector, parts, events = learned(30, scale=scale), [], []
    ends = sorted([0, *cuts, 1500])
    for start, stop in pairwise(ends):
        out, more = detector.update(stream(rows).slice(start, stop))
        parts.append(out.values)
        events += more
    assert_same_bits(np.concatenate(parts), full.values)
    assert events == found
    assert len(events) == 1


@pytest.mark.parametrize(
    "given", [{}, {"scale": 0.2}, {"features": "fourier"}, {"features": OpticalMap(64)}]
)
def test_operator_contract_holds_through_an_event(given):
    check_operator(learned(24, **given), stream(wandering(2400)))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"window": 15}, "window must be at least 16 rows or None, got 15"),
        ({"arl": 999.0}, "arl must be from 1e3 to 1e8 rows, got 999"),
        ({"arl": float("nan")}, "arl must be from 1e3"),
        ({"scale": 0.0}, "scale must be a positive number or None, got 0.0"),
        ({"scale": float("nan")}, "scale must be a positive number"),
        ({"n_components": 62}, "n_components must be at least 64, got 62"),
        ({"n_components": 65}, "n_components must be .*even"),
        ({"features": "laser"}, "features must be 'optical', 'fourier' or a map, got 'laser'"),
        ({"features": OpticalMap(10)}, "n_components must be at least 64, got 10"),
    ],
)
def test_parameters_out_of_range_are_rejected(given, match):
    with pytest.raises(ParameterError, match=match):
        learned(**given)


def noise(n=6000, d=3):
    return np.random.default_rng(5).normal(size=(n, d))


def with_constants():
    rows = noise()
    rows[:, 1] = 7.0
    return rows


STREAMS = {
    "all rows are equal": lambda: np.full((6000, 3), 0.1),
    "all rows are zero": lambda: np.zeros((6000, 2)),
    "some channels are constant": with_constants,
    "one channel": lambda: noise(d=1),
    "huge": lambda: noise() * 1e300,
    "tiny": lambda: noise() * 1e-300,
    "huge with small": lambda: noise() * [1e300, 1.0, 1e-300],
    "on a high level": lambda: noise() + 1e12,
    "huge outliers": lambda: np.where(noise() > 3.3, 1e300, noise()),
    "two values": lambda: np.sign(noise()),
    "mostly one value": lambda: np.maximum(noise() - 1.5, 0.0),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("scale", [None, 1.0])
def test_extreme_values_without_a_change_give_a_finite_statistic_and_no_event(name, scale):
    out, events = learned(100, scale=scale).update(stream(STREAMS[name]()))
    statistic, threshold = out.values[:, -3], out.values[:, -2]
    assert_all(np.isfinite, statistic)
    assert not np.isnan(threshold).any()
    assert not events


@pytest.mark.parametrize("size", [1e-290, 1e-150, 1.0, 1e150, 1e300])
def test_a_change_is_detected_in_any_unit(size):
    rows = (wandering(3600, step=12.0) * size)[1:]
    [event] = learned(50).update(stream(rows))[1]
    assert abs(event.change_index - (EVENT - 1)) <= 20


def test_values_near_the_largest_float_are_accepted():
    rows = wandering(3600)
    rows *= 1.7e308 / np.abs(rows).max()
    out, _ = learned(50).update(stream(rows))
    assert_all(np.isfinite, out.values[:, -3])


def test_eight_hundred_channels_are_processed_together():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 852))
    rows[1200:, :200] += 1.5
    [event] = learned(60).update(stream(rows))[1]
    assert abs(event.change_index - 1200) <= 5
    assert {int(name[1:]) for name in event.channels} <= set(range(200))


def test_a_missing_value_is_rejected_with_its_channel_and_time():
    rows = noise(10)
    rows[4, 1] = np.nan
    with pytest.raises(DataError, match=r"got nan in channel 'x1' at time 4 step"):
        learned().update(stream(rows))


def test_no_alarm_before_the_nulls_are_learned():
    detector = learned(100)
    rows = noise(detector.warmup_rows)
    rows[60:] += 50.0  # a jump that cannot be missed
    out, events = detector.update(stream(rows))
    assert not events
    # Two windows of ten rows until the first statistic, ten more until its null is used.
    assert np.flatnonzero(np.isfinite(out.values[:, -2])).tolist() == [detector.warmup_rows - 1]


def test_other_seeds_give_other_features_and_the_same_event():
    rows = wandering(3600, step=12.0)
    outs = [learned(50, seed=seed).update(stream(rows)) for seed in (0, 1)]
    assert not np.array_equal(outs[0][0].values, outs[1][0].values)
    assert all(abs(event.change_index - EVENT) <= 20 for _, [event] in outs)
