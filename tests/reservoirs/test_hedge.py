"""A forecast goes only as far as earlier ones should have gone."""

import numpy as np
import pytest

from streamlyt.reservoirs import MeasuredForecaster
from streamlyt.reservoirs._hedge import Hedged, share_of


def cases(slope, moments=100_000, horizon=3):
    """Forecasts beside what came, which went the share ``slope`` of the way, and noise."""
    rng = np.random.default_rng(0)
    last = rng.normal(size=(moments, 2))
    went = rng.normal(size=(horizon, moments, 2)) * np.array([1.0, 10.0, 0.1])[:, None, None]
    came = (
        slope * went
        + 0.3 * rng.normal(size=went.shape) * np.abs(went).mean(axis=(1, 2))[:, None, None]
    )
    return last + went, last, last + came


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_the_share_is_that_of_least_squares_where_there_are_many_moments(slope):
    assert share_of(*cases(slope), 1.0) == pytest.approx(slope, abs=0.01)


def test_few_moments_change_little_and_none_nothing():
    ahead, last, truth = cases(0.0, moments=5)
    assert 0.5 < share_of(ahead, last, truth, 1.0) < 0.9
    assert share_of(ahead[:, :0], last[:0], truth[:, :0], 1.0) == 1.0
    assert share_of(np.stack([last] * 3), last, truth, 1.0) == 1.0  # it never went anywhere


def test_what_is_not_known_yet_counts_nothing_and_a_loop_that_left_counts_against():
    ahead, last, truth = cases(1.0, moments=200)
    part = truth.copy()
    part[:, 150:] = np.nan
    known = share_of(ahead[:, :150], last[:150], truth[:, :150], 1.0)
    assert share_of(ahead, last, part, 1.0) == pytest.approx(known, abs=0.05)
    left = ahead.copy()
    left[:, ::2] = np.nan
    assert share_of(left, last, truth, 50.0) < 0.2
    assert 0.0 <= share_of(-ahead, last, truth, 1.0) < 0.2


def test_a_hedged_loop_lies_between_the_last_row_and_itself():
    last = np.array([[1.0], [2.0]])
    rows = np.array([[[3.0], [np.nan]]])
    hedged = Hedged(lambda kick=None: rows if kick is None else rows + kick, last, 0.25)()
    np.testing.assert_array_equal(hedged, [[[1.5], [np.nan]]])
    kicked = Hedged(lambda kick=None: rows if kick is None else rows + kick, last, 0.25)(last)
    np.testing.assert_array_equal(kicked[0, 0], [1.75])


def test_a_calm_series_after_bursts_is_not_forecast_to_burst():
    # Bursts that come by chance: between them nothing but staying is right.
    rng = np.random.default_rng(4)
    rows = 0.05 * np.cumsum(rng.normal(size=900))
    for at in (120, 170, 230):
        rows[at : at + 15] -= 40 * np.hanning(15)
    model = MeasuredForecaster()
    off = []
    for at in range(300, 880, 40):
        model.predict_and_learn(rows[0 if not off else at - 40 : at, None])
        ahead = model.forecast(12)[:, 0]
        came = rows[at : at + 12]
        loop = model._looped(model._moments(None), model._current(), 12)()[:, 0]
        unhedged = model._unscaled(loop)[:, 0]
        off.append([((each - came) ** 2).mean() for each in (ahead, unhedged)])
    ours, unhedged = np.mean(off, axis=0)
    assert ours < 0.7 * unhedged
