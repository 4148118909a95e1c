"""Forecast metrics on cases with a hand calculation."""

import numpy as np
import pytest

from streamlyt.core.errors import DataError
from streamlyt.evaluate import histogram_distance, interval_score, nrmse, valid_prediction_steps

TRUTH = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 3.0]


def test_error_is_in_units_of_the_spread_of_all_channels():
    np.testing.assert_allclose(nrmse(TRUTH, TRUTH + 1.0, [1.0, 9.0]), 1 / np.sqrt(5.0))
    np.testing.assert_allclose(nrmse(TRUTH, TRUTH + 1.0), 1 / np.sqrt(5.0), rtol=0.1)
    mean = np.tile(TRUTH.mean(axis=0), (len(TRUTH), 1))
    assert np.mean(nrmse(TRUTH, mean) ** 2) == pytest.approx(1.0)


def test_valid_steps_end_where_the_error_first_exceeds_the_threshold():
    forecast = TRUTH.copy()
    assert valid_prediction_steps(TRUTH, forecast) == 2000
    forecast[700] += 10.0
    assert valid_prediction_steps(TRUTH, forecast) == 700
    forecast[300:] = np.nan
    assert valid_prediction_steps(TRUTH, forecast) == 300
    assert valid_prediction_steps(TRUTH, np.full_like(TRUTH, np.nan)) == 0


def test_histogram_distance_separates_distributions():
    again = np.random.default_rng(1).normal(size=(2000, 2)) * [1.0, 3.0]
    assert histogram_distance(TRUTH, TRUTH) < 1e-15
    assert histogram_distance(TRUTH, again) < 0.12
    assert histogram_distance(TRUTH, again + np.array([3.0, 9.0])) > 0.8
    assert histogram_distance(TRUTH, again + 100.0) == 1.0
    assert histogram_distance(TRUTH, np.full_like(TRUTH, np.nan)) == 1.0


def test_interval_score_is_minimal_for_the_true_quantiles():
    truth = np.random.default_rng(2).normal(size=20_000)
    scores = [
        interval_score(truth, np.full_like(truth, -w), np.full_like(truth, w), 0.9).mean()
        for w in (1.2, 1.645, 2.2)
    ]
    assert scores[1] < min(scores[0], scores[2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nrmse(TRUTH, TRUTH[:5]), "must have the shape of truth"),
        (lambda: nrmse(np.ones((4, 1)), np.ones((4, 1))), "variance must be above 0"),
        (lambda: histogram_distance(TRUTH, TRUTH[:, :1]), "must have equal channels"),
        (lambda: interval_score([0.0], [0.0], [1.0], 1.0), r"coverage must be in \(0, 1\)"),
    ],
)
def test_invalid_input_is_rejected(make, message):
    with pytest.raises(DataError, match=message):
        make()
