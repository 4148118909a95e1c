"""Online segmentation: naive implementations of its two statistics, and known changes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.detectors import OnlineSegmentation
from streamlyt.detectors._offline.shape_break import _score, best_shape_break
from streamlyt.detectors._offline.trend_break import best_trend_break, without_outliers
from streamlyt.features import FourierMap
from streamlyt.operator_checks import check_operator
from tests._arrays import assert_same_bits


def stream(rows):
    rows = np.asarray(rows, dtype=float).reshape(len(rows), -1)
    schema = Schema.of(*(f"x{j}" for j in range(rows.shape[1])))
    return Batch("", np.arange(len(rows)) * 10, rows, schema)


def found(rows, **given):
    return [event.change_index for event in OnlineSegmentation(**given).update(stream(rows))[1]]


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def pulses(n, turn, sharp, seed=0):
    at = np.arange(n) / turn % 1 - 0.5
    return np.exp(-((at / sharp) ** 2)) + 0.1 * noise(n, seed)


def naive_break(rows):
    """Return score and row of the best break of Gaussian rows, fit by fit."""
    rows = (rows - rows.mean()) / rows.std()
    n = len(rows)

    def about(part, degree):
        t = np.arange(len(part))
        return part - np.polyval(np.polyfit(t, part, degree), t)

    full = (about(rows, 2) ** 2).sum() / (n - 2)
    best = (-np.inf,)
    for k in range(5, n - 4):
        a, b = about(rows[:k], 1), about(rows[k:], 1)
        common = (a @ a + b @ b) / (n - 4)
        left, right = ((p @ p + 5 * common) / (len(p) + 3) for p in (a, b))
        lines = (n - 2) * np.log(full / common)
        spreads = (n - 2) * np.log(common) - (k - 2) * np.log(left) - (n - k - 2) * np.log(right)
        best = max(best, (lines + spreads, k, lines, spreads, a, b), key=lambda each: each[0])
    _, k, lines, spreads, a, b = best
    scaled = np.concatenate([a / a.std(), b / b.std()])
    tails = max(1, ((scaled**4).mean() - 1) / 2)
    alike = max(0, (scaled[1:] * scaled[:-1]).sum() / n + 4 / n)
    return (lines + spreads / tails) * (1 - alike) / (1 + alike) / 20, k


@pytest.mark.parametrize("seed", range(5))
def test_trend_break_matches_its_definition_fit_by_fit(seed):
    rows = noise(60, seed)
    rows[35:] = 4 + 2 * rows[35:]
    rows = without_outliers(rows)
    height, row = best_trend_break(rows)
    expected, at = naive_break(without_outliers(rows))
    assert row == at
    assert height <= expected + 1e-9  # a spurious period of the noise can only lower it
    if height < expected - 1e-9:
        assert expected / height >= 8 / 2
    else:
        assert height == pytest.approx(expected)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_trend_break_is_invariant_to_level_and_unit(level, unit):
    rows = noise(80)
    rows[50:] += 5
    height, row = best_trend_break(unit * rows + level)
    assert row == 50
    assert height == pytest.approx(best_trend_break(rows)[0], rel=1e-3)
    wave = pulses(300, 20, 0.1)
    features = FourierMap(64)
    assert best_shape_break(unit * wave + level, features)[0] == pytest.approx(
        best_shape_break(wave, features)[0], abs=0.05
    )


def test_shape_break_matches_its_definition_chunk_by_chunk():
    means = np.random.default_rng(0).normal(size=(20, 6))
    means[12:] += 1.5
    height, split = _score(means)
    n, best = len(means), (-1.0, 0)
    for k in range(2, n - 1):
        gap = means[:k].mean(axis=0) - means[k:].mean(axis=0)
        best = max(best, (k * (n - k) / n * float(gap @ gap), k))
    between, k = best
    rest = np.vstack([means[:k] - means[:k].mean(axis=0), means[k:] - means[k:].mean(axis=0)])
    total = sum(row @ row for row in rest)
    square = sum((rest[i] @ rest[j]) ** 2 for i in range(n) for j in range(n) if i != j)
    square = max(square / ((n - 2) * (n - 3)), (total / (n - 2)) ** 2 / (n - 2))
    tau = 1.0
    for lag in (1, 2, 3):
        tau += 2 * max(0, sum(rest[i] @ rest[i + lag] for i in range(n - lag)) / total + 1 / n)
    nu = (total / (n - 2)) ** 2 / square
    ratio = between / (tau * total / (n - 2))
    expected = (ratio ** (1 / 3) - (1 - 2 / (9 * nu))) / np.sqrt(2 / (9 * nu))
    assert (split, height) == (k, pytest.approx(expected))


@pytest.mark.parametrize(
    ("after", "within"),
    [
        (lambda n: 5 + noise(n, 1), 3),
        (lambda n: 4 * noise(n, 1), 12),
        (lambda n: 0.2 * np.arange(n) + noise(n, 1), 12),
    ],
    ids=["level", "spread", "slope"],
)
def test_changes_of_level_spread_and_slope_are_detected_in_short_series(after, within):
    (row,) = found(np.concatenate([noise(100), after(100)]))
    assert row == pytest.approx(100, abs=within)


@pytest.mark.parametrize(("turn", "sharp"), [(25, 0.25), (35, 0.1)], ids=["shape", "rhythm"])
def test_changes_of_rhythm_and_shape_are_detected_at_equal_level_and_spread(turn, sharp):
    one, other = pulses(700, 25, 0.1), pulses(700, turn, sharp, 1)
    rows = np.concatenate([(part - part.mean()) / part.std() for part in (one, other)])
    (row,) = [row for row in found(rows) if row > 100]
    assert row == pytest.approx(700, abs=60)


def test_rows_without_a_change_give_no_event():
    assert sum(len(found(noise(1000, seed))) for seed in range(10)) <= 1
    assert not found(np.linspace(0, 1, 200) ** 2 + 0.01 * noise(200))  # a smooth bend is no break
    outlier = noise(200)
    outlier[120] = 30.0
    assert not found(outlier)
    assert not found(np.zeros(400))


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=10)
@given(st.lists(st.integers(0, 900), max_size=6))
def test_results_are_batch_invariant(cuts):
    rows = np.concatenate([noise(300), 5 + noise(300, 1), pulses(300, 20, 0.1)])
    full, events = OnlineSegmentation(max_window=512).update(stream(rows))
    one, parts, more = OnlineSegmentation(max_window=512), [], []
    for start, stop in pairwise(sorted([0, *cuts, 900])):
        out, new = one.update(stream(rows).slice(start, stop))
        parts.append(out.values)
        more += new
    assert_same_bits(np.concatenate(parts), full.values)
    assert more == events
    assert len(events) >= 2


def test_operator_contract_holds_through_events():
    rows = np.column_stack([noise(700), noise(700, 1)])
    rows[300:, 1] += 6
    check_operator(OnlineSegmentation(max_window=256), stream(rows))


def test_event_names_the_changed_channel_and_the_row_times():
    rows = np.column_stack([noise(200), noise(200, 1)])
    rows[100:, 1] += 6
    ((event),) = OnlineSegmentation().update(stream(rows))[1]
    assert (event.channels, event.contributions) == (("x1",), (1.0,))
    assert event.change_time == 10 * event.change_index
    assert event.alarm_index > event.change_index


def test_changes_are_detected_in_a_segment_longer_than_the_memory():
    rows = noise(3000)
    rows[2500:] += 4
    (row,) = [row for row in found(rows, max_window=300) if row > 2000]
    assert row == pytest.approx(2500, abs=3)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_rows_of_any_magnitude_are_searched(size):
    rows = noise(120)
    rows[60:] += 8
    assert found(size * rows) == found(rows)


@pytest.mark.parametrize("memory", [255, 65_537])
def test_memory_out_of_range_is_rejected(memory):
    with pytest.raises(ParameterError, match=f"from 256 to 65536 rows, got {memory}"):
        OnlineSegmentation(memory)
