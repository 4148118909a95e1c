"""Changes reset the forecaster once; segments that are hard to predict do not."""

import numpy as np
import pytest

from streamlyt.config.pipeline_file import dump, load
from streamlyt.connectors import FileSource
from streamlyt.core import Batch, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import ParameterError
from streamlyt.core.state import pack, unpack
from streamlyt.detectors import MultiscaleNEWMA
from streamlyt.operator_checks import check_operator
from streamlyt.reservoirs import (
    ChangeAwareForecaster,
    EchoStateNetwork,
    ReservoirForecaster,
    RobustForecaster,
)
from streamlyt.reservoirs.change_aware_forecaster import _margin
from tests._arrays import assert_same_bits

CHANGE = 1500


def series(n=3000, second=0.9):
    speed = np.where(np.arange(n) < CHANGE, 0.3, second)
    noise = 0.1 * np.random.default_rng(0).normal(size=n)
    return (np.sin(np.cumsum(speed)) + noise)[:, None]


def aware(**rest):
    return ChangeAwareForecaster(
        RobustForecaster(), MultiscaleNEWMA(), **{"warmup_rows": 300, **rest}
    )


def batch(values, first=0):
    return Batch("", first + np.arange(len(values)), values, Schema.of("x"))


def run(model, values, cut):
    out, events = [], []
    for at in range(0, len(values), cut):
        rows, found = model.update(batch(values[at : at + cut], at))
        out.append(rows.values)
        events += found
    return np.vstack(out), events


def test_a_change_is_reported_once_and_resets_the_model():
    values = series()
    model = aware()
    _, [event] = run(model, values, 3000)
    assert CHANGE <= event.alarm_index < CHANGE + 150
    assert abs(event.change_index - CHANGE) < 40
    assert event.detector == "change_aware_forecaster"
    assert event.statistic > event.threshold >= 2
    assert event.alarm_time == event.alarm_index
    fresh = RobustForecaster()
    fresh.predict_and_learn(values[event.alarm_index + 1 :])
    np.testing.assert_array_equal(model.forecast(20), fresh.forecast(20))
    np.testing.assert_array_equal(
        model.forecast_interval(5).upper, fresh.forecast_interval(5).upper
    )


@pytest.mark.bits
def test_results_are_batch_invariant():
    values = series()
    whole, first = run(aware(), values, 3000)
    for cut in (97, 640):
        parts, found = run(aware(), values, cut)
        assert_same_bits(parts, whole)
        assert found == first


def test_policy_keep_only_emits_the_event():
    values = series()
    whole, events = run(aware(on_change="keep"), values, 3000)
    assert CHANGE <= events[0].alarm_index < CHANGE + 150
    np.testing.assert_array_equal(whole, run(RobustForecaster(), values, 3000)[0])
    parts, found = run(aware(on_change="keep"), values, 97)
    np.testing.assert_array_equal(parts, whole)
    assert found == events
    with pytest.raises(ParameterError, match="on_change must be 'reset' or 'keep', got 'forget'"):
        aware(on_change="forget")


def test_unchanged_dynamics_cause_no_reset():
    _, events = run(aware(), series(6000, second=0.3), 500)
    assert events == []


def test_without_a_detector_it_equals_the_forecaster():
    values = series(900)
    model, plain = ChangeAwareForecaster(RobustForecaster()), RobustForecaster()
    np.testing.assert_array_equal(run(model, values, 200)[0], run(plain, values, 200)[0])
    assert model.washout == plain.washout


@pytest.mark.bits
def test_a_saved_state_resumes_across_a_change():
    values = series()
    one, other = aware(), aware()
    run(one, values[:CHANGE], 500)
    other.state = unpack(pack(one.state))
    rest = batch(values[CHANGE:], CHANGE)
    (a, found), (b, again) = one.update(rest), other.update(rest)
    assert_same_bits(a.values, b.values)
    assert found == again != []
    assert pack(one.state) == pack(other.state)


def test_it_satisfies_the_operator_contract():
    check_operator(
        ChangeAwareForecaster(
            ReservoirForecaster(EchoStateNetwork(20), washout=10, ridge=1e-6),
            MultiscaleNEWMA(),
            warmup_rows=10,
        ),
        example_batch(),
    )


def test_a_pipeline_file_configures_it(tmp_path):
    np.save(tmp_path / "a.npy", series(50))
    source = FileSource(tmp_path / "a.npy")
    text = dump(source, [aware(warmup_rows=123)])
    [model] = load(text).operators.values()
    assert repr(model) == repr(aware(warmup_rows=123))
    assert dump(source, [model]) == text


def test_wrong_parts_are_rejected():
    with pytest.raises(ParameterError, match="forecaster must be a forecaster, got Echo"):
        ChangeAwareForecaster(EchoStateNetwork(20))
    with pytest.raises(ParameterError, match="forecaster must be a forecaster"):
        ChangeAwareForecaster(aware())
    with pytest.raises(ParameterError, match="detector must be a detector"):
        ChangeAwareForecaster(None, "multiscale_newma")
    with pytest.raises(ParameterError, match="warmup_rows"):
        ChangeAwareForecaster(warmup_rows=-1)


def test_excursions_exceed_the_margin_in_one_of_ten_lifetimes():
    stretches = np.random.default_rng(0).exponential(size=(3000, 3000))
    record = np.maximum.accumulate(stretches, axis=1)
    margins = np.array([_margin(64 * k) for k in range(1, 3000)])
    assert (np.diff(margins) <= 0).all()
    too_much = stretches[:, 1:] > margins * record[:, :-1]
    first = too_much[:, 3:].any(axis=1).mean()  # from the fourth stretch on
    assert 0.02 < first < 0.15


def test_after_a_hard_segment_half_way_to_persistence_is_enough():
    model = aware()
    run(model, series(1000), 1000)
    own = model._own
    own["usual"][0], own["record"][0] = -17.5, 8.5
    assert model._level(40_000, -2.0) == pytest.approx(0.5 * (8.5 + 15.5))
    own["usual"][0], own["record"][0] = -2.1, 0.5  # noise: staying is hardly worse
    assert model._level(40_000, -2.0) == pytest.approx(_margin(40_000) * 0.5)
    own["record"][0] = 0.1
    assert model._level(40_000, -2.0) == pytest.approx(np.log(2.0))
