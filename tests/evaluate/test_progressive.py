"""Progressive validation: one model per series, delayed targets, and baselines."""

import numpy as np
import pytest

from streamlyt.core import Batch, Schema
from streamlyt.evaluate import progressive_validation
from streamlyt.models import RLS, LogisticRegression

SCHEMA = Schema.of("x", "y")


def rows(n=120, seed=0):
    x = np.random.default_rng(seed).normal(size=n)
    return np.column_stack([x, np.sin(x) + seed])


def batch(values, key="a", start=0):
    return Batch(key, np.arange(start, start + len(values)), values, SCHEMA)


@pytest.mark.parametrize("delay", [0, 1, 30, 500])
def test_predictions_use_only_targets_known_at_that_row(delay):
    values = rows()
    values[::7, 1] = np.nan
    parts = [batch(values[:50]), batch(values[50:51], start=50), batch(values[51:], start=51)]
    found = progressive_validation(RLS(), parts, delay=delay)
    model, predicted, last, mean = RLS(), [], [], []
    for i in range(120):
        if i > delay:
            model.learn(values[i - delay - 1 : i - delay, :1], values[i - delay - 1 : i - delay, 1])
        known = values[: max(0, i - delay), 1]
        known = known[~np.isnan(known)]
        if not np.isnan(values[i, 1]):
            predicted.append(model.predict(values[i : i + 1, :1])[0])
            last.append(known[-1] if known.size else 0.0)
            mean.append(known.mean() if known.size else 0.0)
    np.testing.assert_allclose(found.predictions["model"], predicted, rtol=1e-9)
    np.testing.assert_allclose(found.predictions["persistence"], last)
    np.testing.assert_allclose(found.predictions["mean"], mean)


def test_series_are_independent_of_one_another():
    one, other = rows(seed=1), rows(seed=2)
    mixed = [batch(one[:40]), batch(other[:40], "b"), batch(one[40:], start=40)]
    mixed += [batch(other[40:], "b", 40)]
    found = progressive_validation(RLS(), mixed)
    alone = [progressive_validation(RLS(), [batch(each)]) for each in (one, other)]
    for name in ("model", "persistence", "mean"):
        predicted = [each.predictions[name] for each in alone]
        expected = np.column_stack(predicted).ravel()  # by their times, which are the same in both
        np.testing.assert_allclose(found.predictions[name], expected, rtol=1e-9)


def test_majority_uses_the_known_classes():
    values = np.column_stack([np.arange(8.0), [2, 0, 0, 2, 2, 1, 1, 1]])
    found = progressive_validation(LogisticRegression(), [batch(values)], delay=1)
    assert found.predictions["majority"].tolist() == [0, 0, 2, 0, 0, 0, 2, 2]
