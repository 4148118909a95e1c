"""Groups of rows: detection of their column, and the last target of each."""

import numpy as np
import pytest

from streamlyt.models import KernelRegressor
from streamlyt.models._experts.group_history import (
    NONE,
    find_group_column,
    initial_state,
    last_targets,
)
from tests._arrays import assert_all, assert_same_bits


def growing(n=900, groups=30, seed=0):
    """Animals that grow at different rates, in turn at each time."""
    rng = np.random.default_rng(seed)
    pace = rng.normal(8, 3, groups)
    who, when = np.arange(n) % groups, np.arange(n) // groups
    return np.column_stack([when, who]).astype(float), 40 + pace[who] * when + rng.normal(size=n)


def test_last_target_of_a_group_matches_the_reference():
    rng = np.random.default_rng(0)
    keys, targets, others = (
        rng.integers(0, 9, 200) * 1.5,
        rng.normal(size=200),
        rng.normal(size=200),
    )
    keys[::11] = np.nan
    memory = initial_state()
    parts = [[a[some] for a in (keys, others, targets)] for some in (slice(0, 7), slice(7, 200))]
    result = np.vstack([last_targets(memory, *part) for part in parts])
    known = {}
    for i in range(200):
        expected = [others[i], 0.0]
        if keys[i] in known:
            last, before = known[keys[i]]
            expected = [last, last - before]
        assert result[i].tolist() == expected
        if not np.isnan(keys[i]):
            known[keys[i]] = targets[i], known.get(keys[i], (targets[i], 0))[0]
    probe = np.array([keys[1], 77.0, np.nan])
    part = last_targets(memory, probe, np.full(3, 5.0))  # without targets nothing is learned
    assert part[:, 0].tolist() == [known[keys[1]][0], 5.0, 5.0]
    assert_same_bits(last_targets(memory, probe, np.full(3, 5.0)), part)


def test_least_recently_used_group_is_replaced():
    memory, nothing = initial_state(), np.full(257, np.nan)
    keys = np.arange(257.0)
    last_targets(memory, keys[:256], nothing[:256], keys[:256])
    last_targets(memory, keys[:1], nothing[:1], np.array([9.0]))  # 0 is used again: 1 is replaced
    last_targets(memory, keys[256:], nothing[256:], keys[256:])
    part = last_targets(memory, np.array([0.0, 1.0, 2.0, 256.0]), nothing[:4])[:, 0]
    np.testing.assert_array_equal(part, [9.0, np.nan, 2.0, 256.0])


def test_only_a_group_column_is_detected():
    x, y = growing(256)
    assert find_group_column(x, y, np.r_[y[:1], y[:-1]]) == 1
    rng = np.random.default_rng(0)
    for columns in (
        rng.normal(size=(256, 2)),  # no value occurs twice
        rng.integers(0, 5, size=(256, 2)),  # uninformative values
        np.ones((256, 2)),
        np.full((256, 2), np.nan),
    ):
        noise = rng.normal(size=256)
        assert find_group_column(columns.astype(float), noise, np.r_[noise[:1], noise[:-1]]) == NONE


@pytest.mark.parametrize("missing", [False, True])
def test_growth_is_learned_from_the_last_target_of_the_group(missing):
    x, y = growing()
    if missing:
        x[::10, 1] = np.nan
    model, off = KernelRegressor(), []
    for i in range(900):
        off.append(abs(model.predict(x[i : i + 1])[0] - y[i]))
        model.learn(x[i : i + 1], y[i : i + 1])
    assert model.expert_weights["group"] + model.expert_weights["last of group"] > 0.9
    assert np.mean(off[300:]) < (8 if missing else 2)
    for name, array in model.state.items():
        if name != "kept":
            assert_all(np.isfinite, array)
