"""Cross-validated readout: against its definition, and on series."""

import numpy as np
import pytest

from streamlyt.core.batch import example_batch
from streamlyt.operator_checks import check_operator
from streamlyt.reservoirs import RobustForecaster
from streamlyt.reservoirs._readouts.cross_validated import _RIDGES, _ROW_WEIGHT, CrossValidated


def mixed_by_hand(x, y, ends, least):
    """The same from residuals and hat matrices, nothing of it from a Gram matrix."""
    n = len(x)
    weights, scores = [np.zeros((y.shape[1], x.shape[1]))], [1.0]
    for end in ends:
        part = x[:, :end]
        for ridge in _RIDGES[least <= _RIDGES]:
            added = ridge * (part**2).sum()
            tall = np.vstack([part, np.sqrt(added) * np.eye(end)])
            found = np.linalg.lstsq(tall, np.vstack([y, np.zeros((end, y.shape[1]))]), rcond=None)[
                0
            ]
            hat = part @ np.linalg.pinv(tall)[:, :n]
            if np.trace(hat) >= 0.9 * n:
                continue
            left = ((y - part @ found) ** 2).sum(axis=0) / (y**2).sum(axis=0)
            scores.append(left.mean() / (1 - np.trace(hat) / n) ** 2)
            weights.append(np.hstack([found.T, np.zeros((y.shape[1], x.shape[1] - end))]))
    share = np.array(scores) ** (-0.5 * _ROW_WEIGHT * n)
    return np.tensordot(share / share.sum(), np.array(weights), 1)


@pytest.mark.parametrize("n", [30, 200])
def test_mixture_matches_its_definition(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, 12))
    y = x[:, :2] @ rng.normal(size=(2, 2)) + 0.3 * x[:, 8:10] + rng.normal(size=(n, 2))
    readout = CrossValidated(1e-9, 1.0)
    memory = readout.start(12, 2)
    memory["ends"] = np.array([3, 7, 12])
    for start in range(0, n, 10):
        readout.absorb(x[start : start + 10], y[start : start + 10], 10, memory)
    expected = mixed_by_hand(x, y, [3, 7, 12], 1e-9)
    np.testing.assert_allclose(readout.solve(memory), expected, rtol=1e-7, atol=1e-9)


def test_constant_targets_get_no_weights():
    readout = CrossValidated(1e-9, 1.0)
    memory = readout.start(3, 1)
    assert not readout.solve(memory).any()
    readout.absorb(np.ones((5, 3)), np.zeros((5, 1)), 5, memory)
    assert not readout.solve(memory).any()


def test_forecaster_satisfies_the_operator_contract():
    check_operator(RobustForecaster(5, 30, forgetting_factor=0.99), example_batch(300))


def walk(seed):
    return np.random.default_rng(seed).normal(size=(150, 1)).cumsum(axis=0)


def season(seed):
    noise = np.random.default_rng(seed).normal(size=144)
    months = np.arange(144)
    return np.exp(4.8 + 0.01 * months + 0.2 * np.sin(months * np.pi / 6) + 0.03 * noise)[:, None]


@pytest.mark.parametrize(("series", "most"), [(walk, 1.08), (season, 0.5)])
def test_forecasts_leave_persistence_only_for_predictable_series(series, most):
    ours = last = 0.0
    for seed in range(8):
        rows = series(seed)
        model = RobustForecaster()
        for at in range(90, 140, 5):
            model.predict_and_learn(rows[at - 5 if at > 90 else 0 : at])
            ahead = model.forecast(4)
            ours += ((ahead - rows[at : at + 4]) ** 2).sum()
            last += ((rows[at - 1] - rows[at : at + 4]) ** 2).sum()
    assert np.sqrt(ours / last) < most
