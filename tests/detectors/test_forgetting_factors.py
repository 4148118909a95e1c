import numpy as np
import pytest

from streamlyt.detectors._null_model.forgetting_factors import (
    decorrelation,
    forgetting_factors,
    n_components_for,
    power_sum,
)
from tests.detectors import naive

PUBLISHED = [
    (50, "0.033630", "0.010101", 130),
    (80, "0.020396", "0.006737", 339),
    (150, "0.010447", "0.003865", 1220),
    (250, "0.006056", "0.002447", 3457),
    (500, "0.002892", "0.001307", 14177),
]


@pytest.mark.parametrize(("window", "fast", "slow", "m"), PUBLISHED)
def test_published_table_is_reproduced_to_its_last_digit(window, fast, slow, m):
    ours = forgetting_factors(window)
    assert (f"{ours[0]:.6f}", f"{ours[1]:.6f}") == (fast, slow)
    assert n_components_for(*ours) == m


@pytest.mark.parametrize("window", [2, 3, 20, 1000, 100_000])
def test_both_averages_weight_the_row_one_window_ago_equally(window):
    fast, slow = forgetting_factors(window)
    assert 0 < slow < fast < 1
    log_fast = np.log(fast) + window * np.log1p(-fast)
    log_slow = np.log(slow) + window * np.log1p(-slow)
    assert log_slow == pytest.approx(log_fast, abs=1e-9)


@pytest.mark.parametrize("t", [2, 3, 17, 400])
def test_power_sums_match_the_explicit_weights(t):
    fast, slow = forgetting_factors(20)
    now, then = naive.weights(fast, slow, t), naive.weights(fast, slow, t + 1)
    for power in (2, 3, 4, 5, 6, 8):
        expected = (now**power).sum()
        assert power_sum(fast, slow, power, t) == pytest.approx(expected, rel=1e-9)
    # The weights shift by one position with the next row.
    overlap = now @ then[1:] / np.sqrt((now @ now) * (then @ then))
    assert decorrelation(fast, slow, t) == pytest.approx(1 - overlap, abs=1e-12)


def test_sums_converge_to_the_stationary_values():
    factors = forgetting_factors(50)
    assert power_sum(*factors, 2, 1e5) == power_sum(*factors, 2)
    assert decorrelation(*factors, 1e5) == decorrelation(*factors)
    fast, slow = factors
    stationary = (
        fast / (2 - fast) + slow / (2 - slow) - 2 * fast * slow / (fast + slow - fast * slow)
    )
    assert power_sum(*factors, 2) == pytest.approx(stationary, rel=1e-12)
