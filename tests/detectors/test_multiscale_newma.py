"""The default detector: its scales, the selection of its null model, and known changes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.detectors._common.input_scaling import apply_scaling, learn_scale
from streamlyt.detectors._multiscale.scales import MultiscaleAverages
from streamlyt.detectors._null_model.cumulants import POWERS, cumulants_of
from streamlyt.detectors._null_model.feature_moments import FeatureMomentEstimator
from streamlyt.detectors._null_model.first_passage import level_of
from streamlyt.detectors._null_model.forgetting_factors import decorrelation
from streamlyt.features import FourierMap, OpticalMap
from streamlyt.operator_checks import check_operator
from tests._arrays import assert_all, assert_same_bits
from tests.detectors import naive

INDEPENDENT = {"null_model": "iid"}


def batch(rows, key="a"):
    return Batch(
        key, np.arange(len(rows)), rows, Schema.of(*(f"c{i}" for i in range(rows.shape[1])))
    )


def noise(n, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def remembering(n, share=0.8, d=3, seed=0):
    """Autoregressive rows of variance one."""
    fresh = noise(n + 200, d, seed) * (1 - share**2) ** 0.5
    return lfilter([1.0], [1.0, -share], fresh, axis=0)[200:]


def flipping(n, stay=20, seed=0):
    """Metastable rows that jump between wells: no linear prediction removes the dependence."""
    rng = np.random.default_rng(seed)
    wells = np.cumsum(rng.random((n, 3)) < 1 / stay, axis=0) % 2
    return 2.0 * wells - 1 + 0.2 * rng.normal(size=wells.shape)


def events_of(rows, **given):
    return MultiscaleNEWMA(**given).update(batch(rows))[1]


def test_statistic_matches_the_plain_recursions():
    rows = noise(900)
    features = FourierMap(130, dtype="float64")
    detector = MultiscaleNEWMA(64, features=features, arl=1e4, **INDEPENDENT)
    statistic, threshold = detector.score(rows)
    assert np.flatnonzero(np.isfinite(threshold))[0] == detector.warmup_rows == 256
    rows = features(apply_scaling(rows, *learn_scale(rows[:100])))
    memories = [1, 4, 16, 64]
    squares = naive.scales(rows, memories, 256)
    moments, state = FeatureMomentEstimator(256), {}
    moments.start(state)
    moments.add(rows[:256], state)

    def level(arl, memory, t):
        """Explicit weights; those of the long scales are equal for four rows."""
        group = 1 if memory < 16 else 4
        kept = [(1 - 1 / b) ** group for b in (memory, 256)]
        weights = naive.weights(1 - kept[0], 1 - kept[1], t // group)
        sums = [(weights**k).sum() / group ** (k - 1) for k in POWERS]
        step = decorrelation(1 - kept[0], 1 - kept[1], t // group)
        return float(level_of(arl / group, step, cumulants_of(sums, known), known))

    known = moments.read(state)
    parts = 0.8 ** np.arange(4)
    arl = 1e4 * 0.75 * parts.sum() / parts
    caution = (1e4 - 256) / (1e4 + 256)
    cautious = arl * np.exp(caution * 1.2 * np.log(arl) ** 2 / 256)
    # Just after the reference: levels of later rows are interpolated and updated.
    for t in (257, 300):
        levels = [
            detector_level(squares[64:256, 0], 1 / arl[0], caution, rows),
            *(level(a, b, max(t, 2 * b)) for a, b in zip(cautious, memories, strict=True) if b > 1),
        ]
        ratios = np.sqrt(squares[t - 1] / levels)
        assert statistic[t - 1] == pytest.approx(ratios.max(), rel=2e-3)


def detector_level(squares, chance, caution, features):
    mean = features[:256].mean(axis=0)
    bound = 1 + 1 - (1 - mean @ mean) * 256 / 255
    return naive.tail_level(squares, bound, chance, caution, features.shape[1])


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"window": 100}, noise(1500)),
        ({"window": 100}, np.concatenate([noise(700), 3 * noise(1300, seed=1)])),
        ({"window": 64, "features": "fourier"}, remembering(1500)),
        ({"window": 64}, flipping(1500)),
        ({"window": 64, "scale": 0.3, **INDEPENDENT}, noise(1200)),
        ({"window": 64, "features": OpticalMap(64, response=2.0), **INDEPENDENT}, noise(1200)),
    ],
)
def test_operator_contract_holds(given, rows):
    check_operator(MultiscaleNEWMA(**given), batch(rows))


@pytest.mark.bits
@settings(deadline=None, derandomize=True, max_examples=6)
@given(cuts=st.lists(st.integers(0, 2400), max_size=8), memory=st.booleans())
def test_results_are_invariant_to_batch_boundaries_and_restarts(cuts, memory):
    rows = remembering(2400) if memory else noise(2400)
    rows[900:] *= 2.5  # an event, the old levels, and a reset
    full = np.stack(MultiscaleNEWMA(64).score(rows))
    assert (full[0] > 1).any()
    parts, one = [], MultiscaleNEWMA(64)
    for start, stop in pairwise([0, *sorted(cuts), 2400]):
        parts.append(np.stack(one.score(rows[start:stop])))
        saved, one = pack(one.state), MultiscaleNEWMA(64)
        one.state = unpack(saved)
    assert_same_bits(np.concatenate(parts, axis=1), full)


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        (noise, "iid"),
        (lambda n, seed: noise(n, 1, seed) ** 3, "iid"),
        (lambda n, seed: (noise(n, 20, seed) > 0.5) * 1.0, "iid"),
        (lambda n, seed: remembering(n, 0.5, 5, seed), "ar_residuals"),
        (lambda n, seed: remembering(n, 0.95, 2, seed), "ar_residuals"),
        (lambda n, seed: np.cumsum(noise(n, 2, seed), axis=0), "ar_residuals"),
        (lambda n, seed: flipping(n, 20, seed), "empirical"),
        (lambda n, seed: logistic(n, seed), "empirical"),
    ],
)
def test_null_model_is_selected_from_the_rows(rows, chosen):
    for seed in range(4):
        detector = MultiscaleNEWMA(seed=seed)
        detector.score(rows(n=511, seed=seed))
        assert detector.selected_null_model is None
        detector.score(rows(n=512, seed=seed)[511:])
        assert detector.selected_null_model == chosen


def logistic(n, seed):
    x, rows = np.random.default_rng(seed).random(), []
    for _ in range(n):
        x = 3.9 * x * (1 - x)
        rows.append([x])
    return np.array(rows)


def test_dependence_is_reported_when_rows_are_declared_independent():
    forced, free = (MultiscaleNEWMA(**INDEPENDENT) for _ in range(2))
    forced.score(remembering(600))
    free.score(noise(600))
    assert forced.dependence > 2 > 1 > free.dependence > 0
    assert MultiscaleNEWMA().dependence == 0
    assert forced.selected_null_model == free.selected_null_model == "iid"


@pytest.mark.parametrize("seed", range(3))
def test_a_single_row_of_another_distribution_alarms_immediately(seed):
    rows = noise(1600, 20, seed)
    rows[1500:] = np.random.default_rng(seed).uniform(-4, 4, size=(100, 20))
    [event] = events_of(rows, arl=1e4, seed=seed)
    assert 1500 <= event.alarm_index <= 1501
    assert event.change_index <= event.alarm_index


@pytest.mark.parametrize("seed", range(3))
def test_a_small_lasting_change_is_detected_and_localized(seed):
    rows = noise(5000, 5, seed)
    rows[3000:, 2] += 0.5
    event = events_of(rows, seed=seed)[0]
    assert 0 < event.alarm_index - 3000 < 400
    assert abs(event.change_index - 3000) < 200
    assert event.channels[0] == "c2"


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_change_of_autoregressive_rows_is_detected_on_the_residuals(share):
    rows = remembering(4000, share, 3)
    rows[2000:, 1] += 3
    detector = MultiscaleNEWMA()
    event = detector.update(batch(rows))[1][0]
    assert 0 <= event.alarm_index - 2000 < 400
    assert event.channels[0] == "c1"


def test_each_of_two_changes_is_one_event():
    rows = noise(9000, 5)
    for start, spread in ((2000, 3.0), (4000, 1.0), (6500, 2.0)):
        rows[start:] = noise(9000 - start, 5, start) * spread
    found = [event.alarm_index for event in events_of(rows)]
    assert len(found) == 3
    assert all(0 <= f - at < 80 for f, at in zip(found, (2000, 4000, 6500), strict=True))


def test_a_short_burst_does_not_reset_the_detector():
    rows = noise(4000, 5)
    rows[2000:2010] += 2
    detector = MultiscaleNEWMA()
    first = detector.update(batch(rows[:3500]))[1]
    assert len(first) == 1
    assert "held" not in detector.state
    assert detector.state["scale_clock"][0] == 3500


def with_constants():
    rows = noise(3000, 3)
    rows[:, 1] = 7.0
    return rows


STREAMS = {
    "all rows are equal": lambda: np.full((3000, 3), 0.1),
    "all rows are zero": lambda: np.zeros((3000, 2)),
    "some channels are constant": with_constants,
    "one channel": lambda: noise(3000, 1),
    "huge": lambda: noise(3000) * 1e300,
    "tiny": lambda: noise(3000) * 1e-300,
    "huge with small": lambda: noise(3000, 3) * [1e300, 1.0, 1e-300],
    "on a high level": lambda: noise(3000) + 1e12,
    "two values": lambda: np.sign(noise(3000)),
    "mostly one value": lambda: np.maximum(noise(3000) - 1.5, 0.0),
    "a wandering level": lambda: np.cumsum(noise(3000), axis=0),
    "values near the largest": lambda: noise(3000) * 1.7e307,
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("null", ["auto", "iid"])
def test_extreme_values_give_a_finite_statistic_and_no_event_without_a_change(name, null):
    given = {"scale": 1.0} if name == "one channel" else {}
    out, events = MultiscaleNEWMA(null_model=null, arl=1e7, **given).update(batch(STREAMS[name]()))
    assert_all(np.isfinite, out.values[:, -3])
    assert not np.isnan(out.values[:, -2]).any()
    assert not events or (name, null) == ("a wandering level", "iid")


def test_a_constant_stream_that_starts_to_vary_alarms():
    rows = np.full((1500, 3), 0.1)
    rows[1000:] += noise(500, 3)
    assert 1000 <= events_of(rows)[0].alarm_index < 1010


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"null_model": "adaptive"},
            "null_model must be 'auto', 'iid' or 'empirical', got 'adaptive'",
        ),
        ({"window": 15}, "window must be at least 16 rows or None, got 15"),
        ({"arl": 1e9}, "arl must be from 1e3 to 1e8 rows"),
        ({"n_components": 62}, "n_components must be at least 64, got 62"),
    ],
)
def test_parameters_out_of_range_are_rejected(given, match):
    with pytest.raises(ParameterError, match=match):
        MultiscaleNEWMA(**given)


def test_state_size_is_bounded():
    detector = MultiscaleNEWMA()
    sizes = []
    for start in range(0, 20_000, 4000):
        detector.score(noise(4000, 5, start))
        sizes.append(sum(array.nbytes for array in detector.state.values()))
    assert max(sizes) == sizes[0] < 300_000


@pytest.mark.parametrize("null", ["iid", "auto"])
def test_run_length_matches_the_target(null):
    def run_length(seed):
        rng = np.random.default_rng(seed)
        detector = MultiscaleNEWMA(64, null_model=null, arl=1000, seed=seed)
        detector.score(rng.normal(size=(detector.warmup_rows, 10)))
        for start in range(0, 8000, 500):
            statistic, _ = detector.score(rng.normal(size=(500, 10)))
            if (above := np.flatnonzero(statistic > 1)).size:
                return start + above[0] + 1
        return 8000

    mean = np.mean([run_length(seed) for seed in range(60)])
    assert 650 < mean < 1600  # nearly three standard errors on either side


def test_persistence_ignores_outliers_but_not_changes():
    rows = noise(3000, 5, 3)
    rows[1200] = rows[1800] = rows[2000] = 30.0
    rows[2500:] += 1.5
    found = [event.alarm_index for event in events_of(rows, arl=1e6, **INDEPENDENT)]
    assert found[:3] == [1200, 1800, 2000]
    late = [
        event.alarm_index for event in events_of(rows, arl=1e6, min_consecutive=3, **INDEPENDENT)
    ]
    assert len(late) == 1
    assert 2502 <= late[0] <= 2540
    with pytest.raises(ParameterError, match="min_consecutive must be at least 1 row"):
        MultiscaleNEWMA(min_consecutive=0)


@pytest.mark.parametrize("null", ["iid", "empirical"])
def test_a_new_arl_changes_the_threshold_immediately_and_keeps_the_state(null):
    rows = np.random.default_rng(3).normal(size=(3000, 3))
    batch = Batch("", np.arange(3000), rows, Schema.of("a", "b", "c"))
    names = "statistic", "threshold"
    old = MultiscaleNEWMA(null_model=null, arl=1e5)
    old.update(batch.slice(0, 2500))
    new, same = (MultiscaleNEWMA(null_model=null, arl=arl) for arl in (1e3, 1e5))
    for each in (new, same):
        each.state = {name: array.copy() for name, array in old.state.items()}
    new.on_params_changed()
    ratio = {}
    for each in (new, same):
        out, _ = each.update(batch.slice(2500, 2600))
        statistic, threshold = (
            out.values[:, out.schema.channel_names.index(name)] for name in names
        )
        ratio[each.arl] = statistic / threshold
    # Closer to an alarm from the first row on: the levels of the shorter run length are lower.
    assert (ratio[1e3] > ratio[1e5]).mean() > 0.9
    assert new.state["averages" if null == "iid" else "fast"].tolist() == (
        same.state["averages" if null == "iid" else "fast"].tolist()
    )


def test_after_a_change_everything_is_learned_again_as_by_a_fresh_detector():
    rows = noise(6000)
    rows[2500:] += 2
    detector, restart = MultiscaleNEWMA(64, arl=1e4, **INDEPENDENT), 0
    statistic = []
    for row in range(len(rows)):
        statistic.append(detector.score(rows[row : row + 1])[0])
        if not restart and row > 2500 and "held" in detector.state:
            restart = row + 1  # the rows from here on are the new reference
    assert 2500 < restart < 3000
    fresh = MultiscaleNEWMA(64, arl=1e4, **INDEPENDENT)
    expected, _ = fresh.score(rows[restart:])
    settled = fresh.warmup_rows
    assert_same_bits(np.concatenate(statistic[restart + settled :]), expected[settled:])
    assert_same_bits(detector.state, fresh.state)


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 7, 300, 301]])
def test_squares_of_every_scale_and_row_match_the_plain_recursions(cuts):
    scales, state = MultiscaleAverages(64, 1e4), {}
    rows = FourierMap(64, dtype="float64")(noise(600))
    scales._restart(rows, state)
    found = np.concatenate([scales._fold(part, state) for part in np.split(rows, cuts)])
    memories = [1, 4, 16, 64]
    np.testing.assert_allclose(scales.memories, [*memories, 256])
    np.testing.assert_allclose(found, naive.scales(rows, memories, 256), rtol=1e-9, atol=1e-14)
