"""The loop of the empirical null on a recording short enough to run uncompiled."""

import numpy as np

from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.features import FourierMap
from tests.detectors.naive_multiscale_newma import empirical_null


def test_a_short_recording_matches_the_definition_row_by_row() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(360, 2))
    rows[240:] += 6
    features = FourierMap(64, scale=0.2, dtype="float64")
    statistic, threshold = MultiscaleNEWMA(
        16, null_model="empirical", features=features, scale=1.0
    ).score(rows)
    evidence, height = empirical_null(features(rows), list(range(64)), [4, 5, 16], arl=1e8)
    np.testing.assert_array_equal(threshold, height)
    np.testing.assert_allclose(statistic, evidence, rtol=1e-9, atol=1e-9)
    assert (statistic >= 1).any()  # an event and the reset after it were both compared
